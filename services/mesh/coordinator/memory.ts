import type { Clock, Timer } from "../../kernel/clock.ts";
import { type Coordinator, leaseMs, type Registration } from "../coordinator.ts";
import { firstEpochMark, higherMark } from "../epoch-step.ts";
import { formatNodeRecord, type NodeRecord } from "../node-record.ts";
import type { EpochMark } from "../ports.ts";
import { lowestFreeSlot, noFreeSlot } from "./id-slots.ts";
import { Watchers } from "./watchers.ts";

interface Entry {
  readonly record: NodeRecord;
  readonly idSlot: number;
  /** When its lease ends, unless it is renewed. */
  readonly endMs: number;
}

/** Coordinators for the nodes of one process: each call gives one more, and all of them share one list. */
export function createMemoryCoordinators(clock: Clock): () => Coordinator {
  const registry = new Registry(clock);
  return () => new MemoryCoordinator(registry, clock);
}

/** The list, with the leases, and the mark of the store. */
class Registry {
  mark: EpochMark = firstEpochMark;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #audience = new Set<Watchers>();
  #expiry: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  join(watchers: Watchers): void {
    this.#audience.add(watchers);
  }

  quit(watchers: Watchers): void {
    this.#audience.delete(watchers);
    if (this.#audience.size === 0) this.#cancelExpiry();
  }

  get(nodeId: string): Entry | undefined {
    this.#expire();
    return this.#entries.get(nodeId);
  }

  list(): readonly NodeRecord[] {
    this.#expire();
    const records = [...this.#entries.values()].map(({ record }) => record);
    return records.sort((one, other) => (one.nodeId < other.nodeId ? -1 : 1));
  }

  /** Enters the record, in place of one of the same node, and gives back its slot; undefined when there is none. */
  put(record: NodeRecord): number | undefined {
    const before = this.get(record.nodeId);
    const idSlot = before?.idSlot ?? lowestFreeSlot(this.#slots());
    if (idSlot === undefined) return undefined;
    this.#entries.set(record.nodeId, { record, idSlot, endMs: this.#clock.monotonicMs() + leaseMs });
    if (before === undefined || formatNodeRecord(before.record) !== formatNodeRecord(record)) this.#changed();
    this.#expireLater();
    return idSlot;
  }

  remove(nodeId: string): void {
    if (this.#entries.delete(nodeId)) this.#changed();
  }

  #slots(): ReadonlySet<number> {
    return new Set([...this.#entries.values()].map(({ idSlot }) => idSlot));
  }

  #expire(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [nodeId, { endMs }] of this.#entries) if (endMs <= nowMs) this.remove(nodeId);
  }

  /** The timer only serves hints, so it runs only while a coordinator is open that may be watched. */
  #expireLater(): void {
    this.#cancelExpiry();
    const nextMs = Math.min(...[...this.#entries.values()].map(({ endMs }) => endMs));
    if (this.#audience.size === 0 || nextMs === Number.POSITIVE_INFINITY) return;
    this.#expiry = this.#clock.after(nextMs - this.#clock.monotonicMs(), () => {
      this.#expire();
      this.#expireLater();
    });
  }

  #cancelExpiry(): void {
    this.#expiry?.cancel();
    this.#expiry = undefined;
  }

  #changed(): void {
    for (const watchers of this.#audience) watchers.hint();
  }
}

class MemoryCoordinator implements Coordinator {
  readonly #registry: Registry;
  readonly #watchers: Watchers;
  #stopped = false;

  constructor(registry: Registry, clock: Clock) {
    this.#registry = registry;
    this.#watchers = new Watchers(clock);
    registry.join(this.#watchers);
  }

  async register(record: NodeRecord): Promise<Registration> {
    this.#assertRuns();
    const { nodeId, incarnation } = record;
    const idSlot = this.#registry.put(record);
    if (idSlot === undefined) throw noFreeSlot(nodeId);
    return {
      idSlot,
      renew: async (changed) => {
        const state = this.#stateOf(nodeId, incarnation);
        if (state === "kept") this.#registry.put({ ...changed, nodeId, incarnation });
        return state;
      },
      leave: async () => {
        if (this.#stateOf(nodeId, incarnation) === "kept") this.#registry.remove(nodeId);
      },
    };
  }

  async list(): Promise<readonly NodeRecord[]> {
    this.#assertRuns();
    return this.#registry.list();
  }

  async readMark(): Promise<EpochMark> {
    this.#assertRuns();
    return this.#registry.mark;
  }

  async raiseMark(mark: EpochMark): Promise<void> {
    this.#assertRuns();
    this.#registry.mark = higherMark(this.#registry.mark, mark);
  }

  watch(onHint: () => void): () => void {
    return this.#watchers.add(onHint);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watchers.clear();
    this.#registry.quit(this.#watchers);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #stateOf(nodeId: string, incarnation: string): "kept" | "lost" | "replaced" {
    this.#assertRuns();
    const found = this.#registry.get(nodeId);
    if (found === undefined) return "lost";
    return found.record.incarnation === incarnation ? "kept" : "replaced";
  }

  #assertRuns(): void {
    if (this.#stopped) throw new Error("the coordinator is stopped");
  }
}
