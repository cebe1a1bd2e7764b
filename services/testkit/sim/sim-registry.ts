import type { Timer } from "../../kernel/clock.ts";
import { lowestFreeSlot } from "../../mesh/coordinator/id-slots.ts";
import { leaseMs } from "../../mesh/coordinator.ts";
import { formatNodeRecord, type NodeRecord } from "../../mesh/node-record.ts";
import type { SeededRng } from "../seeded-rng.ts";
import type { SimScheduler } from "./sim-scheduler.ts";

interface Entry {
  readonly record: NodeRecord;
  readonly idSlot: number;
  readonly expiry: Timer;
}

/** The list of nodes behind all simulated coordinators, with leases on virtual time that may end late, never early. */
export class SimRegistry {
  readonly #scheduler: SimScheduler;
  readonly #rng: SeededRng;
  readonly #lateMsMax: number;
  readonly #onChange: () => void;
  readonly #entries = new Map<string, Entry>();

  constructor(options: {
    readonly scheduler: SimScheduler;
    readonly rng: SeededRng;
    /** How late a lease may end, in milliseconds. */
    readonly lateMsMax: number;
    readonly onChange: () => void;
  }) {
    this.#scheduler = options.scheduler;
    this.#rng = options.rng;
    this.#lateMsMax = options.lateMsMax;
    this.#onChange = options.onChange;
  }

  get(nodeId: string): NodeRecord | undefined {
    return this.#entries.get(nodeId)?.record;
  }

  list(): readonly NodeRecord[] {
    const records = Array.from(this.#entries.values(), ({ record }) => record);
    return records.sort((one, other) => (one.nodeId < other.nodeId ? -1 : 1));
  }

  /** Enters the record, in place of one of the same node, and answers its slot; undefined when there is none. */
  put(record: NodeRecord): number | undefined {
    const before = this.#entries.get(record.nodeId);
    const taken = new Set(Array.from(this.#entries.values(), ({ idSlot }) => idSlot));
    const idSlot = before?.idSlot ?? lowestFreeSlot(taken);
    if (idSlot === undefined) return undefined;
    before?.expiry.cancel();
    const lifeMs = leaseMs + this.#rng.fraction() * this.#lateMsMax;
    const label = `${record.nodeId} lease`;
    const expiry = this.#scheduler.after(lifeMs, label, () => this.remove(record.nodeId));
    this.#entries.set(record.nodeId, { record, idSlot, expiry });
    if (before === undefined || formatNodeRecord(before.record) !== formatNodeRecord(record))
      this.#onChange();
    return idSlot;
  }

  remove(nodeId: string): void {
    this.#entries.get(nodeId)?.expiry.cancel();
    if (this.#entries.delete(nodeId)) this.#onChange();
  }
}
