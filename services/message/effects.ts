import type { Entry } from "../../gen/parley/message/v1/entry_pb.ts";
import type { MemberInterval, MemberRow, Role } from "./ports.ts";

/**
 * What entries do to rows outside the log. A row is a function of the log's prefix: it remembers the last entry that
 * it has seen and refuses older ones, so effects may be run twice, or by two nodes, with the same end.
 */
export type MemberFacts = Pick<MemberRow, "intervals" | "role" | "seenSeq">;

/** Members by account id, past ones included. */
export type MemberTable = ReadonlyMap<string, MemberFacts>;

/** The part of an entry that effects depend on. */
export type EffectEntry = Pick<Entry, "seq" | "senderId" | "body">;

/** The last interval is open: the account is a member now. */
export function isMember(facts: MemberFacts | undefined): facts is MemberFacts {
  const last = facts?.intervals.at(-1);
  return last !== undefined && last.to === undefined;
}

/** A member with these intervals sees the entry `seq`. */
export function sees(intervals: readonly MemberInterval[], seq: bigint): boolean {
  return intervals.some(({ from, to }) => from < seq && (to === undefined || seq <= to));
}

/** Whether an entry with this body changes rows outside the log. */
export function hasEffects(body: Entry["body"]): boolean {
  return body.case !== undefined && body.case !== "message";
}

/** The accounts that an entry brings in or sends away; the others learn of it from the conversation. */
export function movedAccounts(entry: EffectEntry): readonly string[] {
  switch (entry.body.case) {
    case "groupCreated":
      return entry.body.value.memberIds;
    case "membersAdded":
      return entry.body.value.accountIds;
    case "memberRemoved":
      return [entry.body.value.accountId];
    case "memberLeft":
      return [entry.senderId];
    case "message":
    case undefined:
      return [];
    default:
      return unknownBody(entry.body);
  }
}

/** The rows that an entry changes, as they are after it; those that have seen it, or a later one, are left out. */
export function changeMembers(members: MemberTable, entry: EffectEntry): MemberTable {
  const changed = new Map<string, MemberFacts>();
  for (const accountId of movedAccounts(entry)) {
    const before = members.get(accountId);
    if (before !== undefined && before.seenSeq >= entry.seq) continue;
    const after = joins(entry) ? joined(before, entry, accountId) : left(before, entry.seq);
    if (after !== undefined) changed.set(accountId, after);
  }
  const heir = entry.body.case === "memberLeft" ? entry.body.value.newOwnerId : "";
  const heirBefore = members.get(heir);
  if (heirBefore !== undefined && heirBefore.seenSeq < entry.seq) {
    changed.set(heir, { ...heirBefore, role: "owner", seenSeq: entry.seq });
  }
  return changed;
}

/** Who becomes the owner when `leaverId` leaves: the member of longest standing, by account id among equals. */
export function heirOf(members: MemberTable, leaverId: string): string {
  let heir = "";
  let heirFrom = 0n;
  for (const [accountId, facts] of members) {
    const from = facts.intervals.at(-1)?.from;
    if (accountId === leaverId || from === undefined || !isMember(facts)) continue;
    if (heir === "" || from < heirFrom || (from === heirFrom && accountId < heir)) {
      heir = accountId;
      heirFrom = from;
    }
  }
  return heir;
}

function joins(entry: EffectEntry): boolean {
  return entry.body.case === "groupCreated" || entry.body.case === "membersAdded";
}

function joined(before: MemberFacts | undefined, entry: EffectEntry, accountId: string): MemberFacts {
  const isOwner = entry.body.case === "groupCreated" && accountId === entry.senderId;
  const role: Role = isOwner ? "owner" : "member";
  // An entry that adds a member twice would be a bug of the writer; the open interval stays as it is.
  const past = before?.intervals ?? [];
  if (before !== undefined && isMember(before)) return { ...before, seenSeq: entry.seq };
  const intervals = [...past, { from: entry.seq - 1n, to: undefined }];
  return { intervals, role, seenSeq: entry.seq };
}

function left(before: MemberFacts | undefined, seq: bigint): MemberFacts | undefined {
  const open = before?.intervals.at(-1);
  if (before === undefined || open === undefined) return undefined;
  const intervals =
    open.to === undefined
      ? [...before.intervals.slice(0, -1), { from: open.from, to: seq }]
      : before.intervals;
  return { intervals, role: "member", seenSeq: seq };
}

/** A newer node's kind of entry: this one knows no effects of it. */
function unknownBody(_body: never): readonly string[] {
  return [];
}
