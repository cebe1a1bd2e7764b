import type { GenerationStore } from "../../session/ports.ts";
import type { Database } from "../../sqlite/database.ts";
import type { generationProcedures } from "./generation.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** Generations of devices in a database that has `generationProcedures` and `generationSchema`. */
export function createSqliteGenerationStore(
  database: Database<typeof generationProcedures>,
): GenerationStore {
  return {
    raise: (accountId, deviceId) => orStoreFault(database.run("generationRaise", { accountId, deviceId })),
  };
}
