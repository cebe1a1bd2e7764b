import type { PutBack } from "../../history/undone.ts";
import type { Timer } from "../../kernel/clock.ts";
import { epochStep } from "../../mesh/epoch-step.ts";
import type { StoreMark } from "../../mesh/ports.ts";
import type { SeededRng } from "../seeded-rng.ts";
import type { StoreMoment } from "./put-back-store.ts";
import type { SimCluster } from "./sim-cluster.ts";

/** Between two copies, at most, in virtual milliseconds. */
const copyMsMax = 12_000;

/** Copies that are kept; the oldest go. */
const copiesMax = 3;

/** How often the store of one run is put back, at most: each time everything that is held is handed out anew. */
const putBacksMax = 2;

interface StoreCopy {
  readonly moment: StoreMoment;
  readonly copiedMs: number;
  readonly mark: StoreMark;
}

/** Takes copies of the store now and then, as backups do, and puts it back to one of them. */
export class StoreCopies {
  readonly putBacks: PutBack[] = [];
  readonly #cluster: SimCluster;
  readonly #rng: SeededRng;
  readonly #conversationIds: () => readonly string[];
  readonly #copies: StoreCopy[] = [];
  #timer: Timer | undefined;

  constructor(cluster: SimCluster, rng: SeededRng, conversationIds: () => readonly string[]) {
    this.#cluster = cluster;
    this.#rng = rng;
    this.#conversationIds = conversationIds;
  }

  /** There is a copy that nodes can tell from the store: of one that is as new as what the coordinator knows they cannot. */
  get isReady(): boolean {
    return this.putBacks.length < putBacksMax && this.#older().length > 0;
  }

  start(delayMs: number): void {
    this.#timer = this.#cluster.scheduler.after(delayMs, "copy of the store", () => void this.#copy());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** No process may have the store open. Copies that were made after the one that is put back are thrown away. */
  putBack(): void {
    const { scheduler, store } = this.#cluster;
    const { moment, copiedMs } = this.#rng.pick(this.#older());
    store.putBack(moment);
    const heads = new Map<string, bigint>();
    this.putBacks.push({ copiedMs, heads, doneMs: scheduler.nowMs });
    void this.#noteHeads(heads);
    const kept = this.#copies.filter((copy) => copy.copiedMs <= copiedMs);
    this.#copies.splice(0, this.#copies.length, ...kept);
  }

  #older(): StoreCopy[] {
    const { mark } = this.#cluster.coordinators;
    return this.#copies.filter((copy) => epochStep(mark, copy.mark).kind === "raise");
  }

  async #copy(): Promise<void> {
    const { scheduler, store } = this.#cluster;
    const copiedMs = scheduler.nowMs;
    const [moment, mark] = [store.moment(), await store.collections.epochMark.read()];
    this.#copies.push({ moment, copiedMs, mark });
    if (this.#copies.length > copiesMax) this.#copies.shift();
    this.start(this.#rng.fraction() * copyMsMax);
  }

  /** In this turn, so before any node starts. */
  async #noteHeads(heads: Map<string, bigint>): Promise<void> {
    const last = await this.#cluster.store.collections.entries.readLast([...this.#conversationIds()]);
    for (const { conversationId, seq } of last) heads.set(conversationId, seq);
  }
}
