import type { ChangeStore } from "../../message/ports.ts";
import type { Database } from "../../sqlite/database.ts";
import type { ChangeMarks, changeProcedures } from "./change.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** Changes in a database that has `changeProcedures`, `headSchema`, `membershipSchema` and `changeSchema`. */
export function createSqliteChangeStore(database: Database<typeof changeProcedures>): ChangeStore {
  return {
    currentMark: async () => markText(await orStoreFault(database.read("changeMarks", undefined))),
    changedSince: async (mark, rowsMax) => {
      const argument = { marks: parseMark(mark), rowsMax };
      const { marks, ...changes } = await orStoreFault(database.read("changesSince", argument));
      return { ...changes, mark: markText(marks) };
    },
  };
}

/** The newest mark of each table, as one text. */
function markText({ head, membership }: ChangeMarks): string {
  return `${head}.${membership}`;
}

function parseMark(mark: string): ChangeMarks {
  const [, head, membership] = /^(\d+)\.(\d+)$/.exec(mark) ?? [];
  if (head === undefined || membership === undefined)
    throw new RangeError(`"${mark}" is no mark of this store`);
  return { head: BigInt(head), membership: BigInt(membership) };
}
