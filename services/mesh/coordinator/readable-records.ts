import type { Logger } from "../../kernel/logger.ts";
import { thrownError } from "../../kernel/thrown-error.ts";
import { type NodeRecord, parseNodeRecord } from "../node-record.ts";

/** A node's record as it is kept, and what tells it from others. */
export interface KeptRecord {
  readonly nodeId: string;
  /** Changes when the node registers anew. */
  readonly incarnation: string;
  readonly record: string;
}

/** Reads records; one that cannot be read is left out, and reported once while it is there. */
export class ReadableRecords {
  readonly #logger: Logger;
  /** Those that cannot be read, as they were reported; replaced at each reading. */
  #unreadable: ReadonlySet<string> = new Set();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  read(rows: readonly KeptRecord[]): readonly NodeRecord[] {
    const records: NodeRecord[] = [];
    const unreadable = new Set<string>();
    for (const { nodeId, incarnation, record } of rows) {
      try {
        records.push(parseNodeRecord(record));
      } catch (thrown) {
        const key = `${nodeId} ${incarnation}`;
        unreadable.add(key);
        if (this.#unreadable.has(key)) continue;
        const error = thrownError(thrown);
        this.#logger.error("a node's record cannot be read, so the node is not listed", { nodeId, error });
      }
    }
    this.#unreadable = unreadable;
    return records;
  }
}
