import { formatNodeRecord, type NodeRecord, parseNodeRecord } from "./node-record.ts";

/** What a node may change about itself while it runs. */
export type NodeRecordChange = Partial<Omit<NodeRecord, "nodeId" | "incarnation">>;

/** A change of nothing but the load is written this long after the last write at the earliest, in milliseconds. */
export const loadWriteGapMs = 1_000;

/** What this node says about itself, and what of it the coordinator was told. */
export class OwnRecord {
  #record: NodeRecord;
  #written: { readonly record: NodeRecord; readonly atMs: number } | undefined;

  /** Throws when the record is one that other nodes would refuse. */
  constructor(record: NodeRecord) {
    this.#record = checked(record);
  }

  get record(): NodeRecord {
    return this.#record;
  }

  /** Returns whether anything is different now. Throws, and changes nothing, when others would refuse the result. */
  change(change: NodeRecordChange): boolean {
    const { nodeId, incarnation } = this.#record;
    const changed = checked({ ...this.#record, ...change, nodeId, incarnation });
    if (areEqual(changed, this.#record)) return false;
    this.#record = changed;
    return true;
  }

  /** The node has another incarnation from now on. */
  reincarnate(incarnation: string): void {
    this.#record = { ...this.#record, incarnation };
  }

  /** The coordinator has `record` since `atMs`. */
  noteWritten(record: NodeRecord, atMs: number): void {
    this.#written = { record, atMs };
  }

  /** When the coordinator is to be told what it does not know yet; undefined when it knows all. */
  dueMs(nowMs: number): number | undefined {
    if (this.#written === undefined) return nowMs;
    const { record, atMs } = this.#written;
    if (areEqual(record, this.#record)) return undefined;
    const isLoadOnly = areEqual({ ...record, load: 0 }, { ...this.#record, load: 0 });
    return isLoadOnly ? Math.max(nowMs, atMs + loadWriteGapMs) : nowMs;
  }
}

/** Records are plain data, and equal ones have equal texts. */
export function areEqual(one: NodeRecord, other: NodeRecord): boolean {
  return one === other || formatNodeRecord(one) === formatNodeRecord(other);
}

function checked(record: NodeRecord): NodeRecord {
  const load = Math.round(Math.min(Math.max(record.load, 0), 1) * 100) / 100;
  return parseNodeRecord(formatNodeRecord({ ...record, load }));
}
