import type { MembershipStore, PersonalStore } from "./ports.ts";
import { encodeVersion } from "./signals.ts";

/** Answers the opaque version of an account's conversations. */
export interface ConversationVersions {
  /** Differs from an earlier answer when a membership or a personal row of the account changed since. */
  conversations(accountId: string): Promise<string>;
}

/** Creates the source of versions: the newest version among the account's personal and membership rows. */
export function createConversationVersions(stores: {
  readonly personal: PersonalStore;
  readonly memberships: MembershipStore;
}): ConversationVersions {
  return {
    async conversations(accountId) {
      const [personal, memberships] = await Promise.all([
        stores.personal.newestVersion(accountId),
        stores.memberships.newestVersion(accountId),
      ]);
      return encodeVersion(personal > memberships ? personal : memberships);
    },
  };
}
