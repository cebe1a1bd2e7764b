import type { Entry } from "../../gen/parley/message/v1/entry_pb.ts";

/** What a device does with an entry, given what it holds: the client's first duty in proto/README.md. */
export type Intake = "store" | "drop" | "gap";

/** Decides about one entry. `heldSeq` is 0 when the device holds nothing of the conversation. */
export function intakeOf(entry: Entry, heldSeq: bigint, ownAccountId: string): Intake {
  if (entry.seq <= heldSeq) return "drop";
  if (entry.seq === heldSeq + 1n || addsAccount(entry, ownAccountId)) return "store";
  return "gap";
}

/** The entry from which on this account sees a group; what precedes it is no gap. */
function addsAccount(entry: Entry, accountId: string): boolean {
  if (entry.body.case === "membersAdded") return entry.body.value.accountIds.includes(accountId);
  return entry.body.case === "groupCreated" && entry.body.value.memberIds.includes(accountId);
}
