import type { IdSlotStore } from "../../kernel/ids.ts";
import type { Database } from "../../sqlite/database.ts";
import type { idSlotProcedures } from "./id-slot.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** High-water marks of id slots in a database that has `idSlotProcedures` and `idSlotSchema`. */
export function createSqliteIdSlotStore(database: Database<typeof idSlotProcedures>): IdSlotStore {
  return {
    raise: (slot, toAtLeast, span) => orStoreFault(database.run("idSlotRaise", { slot, toAtLeast, span })),
  };
}
