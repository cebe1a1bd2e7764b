import type { EpochHeadStore } from "../../message/ports.ts";
import type { Database } from "../../sqlite/database.ts";
import type { epochHeadProcedures } from "./epoch-head.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** Heads at the beginning of epochs in a database that has `epochHeadProcedures` and `epochHeadSchema`. */
export function createSqliteEpochHeadStore(database: Database<typeof epochHeadProcedures>): EpochHeadStore {
  return {
    record: (conversationId, epoch, head) =>
      orStoreFault(database.run("epochHeadRecord", { conversationId, epoch, head })),
    lowestAbove: (conversationIds, epoch) =>
      orStoreFault(database.read("epochHeadLowestAbove", { conversationIds, epoch })),
  };
}
