import type { AppendOutcome, EntryLogStore, EntryRow } from "../../message/ports.ts";
import type { Database } from "../../sqlite/database.ts";
import { StoreRefusal } from "../../sqlite/failures.ts";
import type { entryProcedures } from "./entry.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/**
 * Entries in a database that has `entryProcedures`, `entrySchema`, `headSchema` and `changeSchema`: an append raises the
 * heads too.
 */
export function createSqliteEntryStore(database: Database<typeof entryProcedures>): EntryLogStore {
  return {
    append: (rows) => append(database, rows),
    readAfter: (conversationId, seq, limit) =>
      orStoreFault(database.read("entryReadAfter", { conversationId, seq, limit })),
    readBefore: (conversationId, seq, limit) =>
      orStoreFault(database.read("entryReadBefore", { conversationId, seq, limit })),
    readByClientIds: (conversationId, keys) =>
      orStoreFault(database.read("entryReadByClientIds", { conversationId, keys })),
    readLast: (conversationIds) => orStoreFault(database.read("entryReadLast", conversationIds)),
  };
}

/** An error before COMMIT is a refusal; an error of COMMIT, or a silent worker, is an unknown outcome. */
async function append(
  database: Database<typeof entryProcedures>,
  rows: readonly EntryRow[],
): Promise<AppendOutcome> {
  try {
    const index = await database.run("entryAppend", rows);
    if (index === undefined) return { kind: "committed", headsRaised: true };
    return { kind: "duplicate", index, headsRaised: true };
  } catch (cause) {
    return cause instanceof StoreRefusal ? { kind: "refused", cause } : { kind: "unknown", cause };
  }
}
