import { fromBinary } from "@bufbuild/protobuf";
import { EntrySchema } from "../../gen/parley/message/v1/entry_pb.ts";

/** Who belongs to a conversation since an entry, and who does not any more. */
export interface MembershipChange {
  readonly added: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
}

const nobody: ReadonlySet<string> = new Set();

/** What an encoded Entry changes about the members of its conversation; undefined when nothing. */
export function decodeMembershipChange(entryBytes: Uint8Array): MembershipChange | undefined {
  const entry = fromBinary(EntrySchema, entryBytes);
  switch (entry.body.case) {
    case "groupCreated":
      return { added: new Set(entry.body.value.memberIds), removed: nobody };
    case "membersAdded":
      return { added: new Set(entry.body.value.accountIds), removed: nobody };
    case "memberRemoved":
      return { added: nobody, removed: new Set([entry.body.value.accountId]) };
    case "memberLeft":
      return { added: nobody, removed: new Set([entry.senderId]) };
    case "message":
    case undefined:
      return undefined;
  }
}
