import type { MembershipCounts, MembershipStore } from "../../message/ports.ts";
import type { Database } from "../../sqlite/database.ts";
import type { membershipProcedures } from "./membership.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** Memberships and groups in a database that has `membershipProcedures`, `membershipSchema`, `membershipVersionSchema` and `changeSchema`. */
export function createSqliteMembershipStore(
  database: Database<typeof membershipProcedures>,
): MembershipStore & MembershipCounts {
  return {
    ofConversation: (conversationId) =>
      orStoreFault(database.read("membershipOfConversation", conversationId)),
    ofAccount: (accountId) => orStoreFault(database.read("membershipOfAccount", accountId)),
    read: (conversationIds, accountId) =>
      orStoreFault(database.read("membershipRead", { conversationIds, accountId })),
    apply: (rows) => orStoreFault(database.run("membershipApply", rows)),
    putGroup: (row) => orStoreFault(database.run("membershipPutGroup", row)),
    readGroups: (conversationIds) => orStoreFault(database.read("membershipReadGroups", conversationIds)),
    newestVersion: (accountId) => orStoreFault(database.read("membershipNewestVersion", accountId)),
    countOpen: (accountIds) => orStoreFault(database.read("membershipCountOpen", accountIds)),
  };
}
