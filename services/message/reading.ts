import type { Clock } from "../kernel/clock.ts";
import type { ListingStores } from "./account-conversations.ts";
import type { OwnReads } from "./own-reads.ts";
import type { EventSink, PersonalRow, PersonalStore, RowVersions } from "./ports.ts";

/** What the reading side and personal settings work with. */
export interface Reading extends ListingStores {
  readonly personal: PersonalStore;
  readonly ownReads: Pick<OwnReads, "pending">;
  readonly versions: RowVersions;
  readonly events: EventSink;
  readonly clock: Clock;
}

/** The account's own row of a conversation, cursors that wait for the store included. */
export type PersonalState = Pick<PersonalRow, "readSeq" | "readOrdinal" | "muteEndMs">;

/** The account's own rows of these conversations (at most 1,000), by conversation; one for each. */
export async function readPersonal(
  { personal, ownReads }: Pick<Reading, "personal" | "ownReads">,
  accountId: string,
  conversationIds: readonly string[],
): Promise<ReadonlyMap<string, PersonalState>> {
  // Before the store is asked: one that reaches the store meanwhile is seen here, or there, or twice.
  const waiting = new Map(conversationIds.map((id) => [id, ownReads.pending(accountId, id)]));
  const rows = await personal.read(accountId, conversationIds);
  const stored = new Map(rows.map((row) => [row.conversationId, row]));
  return new Map(
    conversationIds.map((id) => [id, withPending(stored.get(id) ?? untouched, waiting.get(id))]),
  );
}

function withPending(
  { readSeq, readOrdinal, muteEndMs }: PersonalState,
  pending: ReturnType<OwnReads["pending"]>,
): PersonalState {
  if (pending === undefined || pending.readSeq <= readSeq) return { readSeq, readOrdinal, muteEndMs };
  return { readSeq: pending.readSeq, readOrdinal: pending.readOrdinal, muteEndMs };
}

const untouched: PersonalState = { readSeq: 0n, readOrdinal: 0n, muteEndMs: 0 };
