import type { EntryRow } from "../../message/ports.ts";
import type { NodeStore } from "../../node/node-core.ts";
import { createMemoryAccountStore } from "../../store/memory/account.ts";
import { createMemoryChanges } from "../../store/memory/change.ts";
import { createMemoryDeviceStore } from "../../store/memory/device.ts";
import { createMemoryEntryStore } from "../../store/memory/entry.ts";
import { createMemoryEpochHeadStore } from "../../store/memory/epoch-head.ts";
import { createMemoryEpochMarkStore } from "../../store/memory/epoch-mark.ts";
import { createMemoryGenerationStore } from "../../store/memory/generation.ts";
import { createMemoryHeadStore } from "../../store/memory/head.ts";
import { createMemoryIdSlotStore } from "../../store/memory/id-slot.ts";
import { createMemoryMembershipStore } from "../../store/memory/membership.ts";
import { createMemoryPersonalStore } from "../../store/memory/personal.ts";
import { createMemorySecretKeyStore } from "../../store/memory/secret-key.ts";
import { createMemorySigningKeyStore } from "../../store/memory/signing-key.ts";
import type { SeededRng } from "../seeded-rng.ts";
import { createMajorityLog } from "./majority-log.ts";
import { PutBackStore, type StoreMoment } from "./put-back-store.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimScheduler } from "./sim-scheduler.ts";
import type { StoreCore, StorePlan, StoreTally } from "./sim-store-core.ts";
import { storeView } from "./sim-store-view.ts";

/** Of the processes that freeze, how many do so within a transaction, on one machine with the others. */
const frozenLockRate = 0.7;

/** One store for all nodes of a simulation, in memory. Its contents are of no process and survive all of them. */
export class SimStore implements StoreCore {
  readonly scheduler: SimScheduler;
  readonly rng: SeededRng;
  readonly plan: StorePlan;
  readonly #store: PutBackStore<NodeStore>;
  #collections: StoreCore["collections"];
  #era = 0;
  readonly tally: StoreTally = {
    appends: 0,
    entries: 0,
    unknownOutcomes: 0,
    refused: 0,
    unheard: 0,
    writesFailed: 0,
    readsFailed: 0,
    takeovers: 0,
  };
  /** Its epoch was raised at least once. */
  mayRewind = false;
  readonly #awayFrom = new Set<string>();
  readonly #newestGenerations = new Map<string, bigint>();
  readonly #lastAppender = new Map<string, string>();
  #isAway = false;
  #lockedBy: SimProcess | undefined;

  constructor(scheduler: SimScheduler, rng: SeededRng, plan: StorePlan) {
    this.scheduler = scheduler;
    this.rng = rng;
    this.plan = plan;
    this.#store = new PutBackStore(() => {
      this.#newestGenerations.clear();
      return { ...memoryCollections(), generations: this.#notingGenerations() };
    });
    this.#collections = this.#withMajority();
  }

  get collections(): StoreCore["collections"] {
    return this.#collections;
  }

  get era(): number {
    return this.#era;
  }

  /** What the store is now, for `putBack`. */
  moment(): StoreMoment {
    return this.#store.moment();
  }

  /** Puts the store back to what it was; no process may have it open. */
  putBack(moment: StoreMoment): void {
    this.scheduler.note("store put back");
    this.#era += 1;
    this.mayRewind = true;
    this.#store.putBack(moment);
    this.#collections = this.#withMajority();
  }

  /** The generation that a device was given last, 0 for none. */
  newestGeneration(deviceId: string): bigint {
    return this.#newestGenerations.get(deviceId) ?? 0n;
  }

  /** The store as a process sees it. */
  view(process: SimProcess): NodeStore {
    return storeView(this, process);
  }

  /** Away for everybody, or back. */
  setAway(isAway: boolean): void {
    this.scheduler.note(`store ${isAway ? "away" : "back"}`);
    this.#isAway = isAway;
  }

  /** Away for one host, or back. */
  setAwayFrom(host: string, isAway: boolean): void {
    this.scheduler.note(`store ${isAway ? "away from" : "back for"} ${host}`);
    if (isAway) this.#awayFrom.add(host);
    else this.#awayFrom.delete(host);
  }

  /** Call it when a process freezes: on a shared file it may hold the lock until its thaw or its death. */
  frozen(process: SimProcess): void {
    if (this.plan.kind === "sqlite" && this.rng.fraction() < frozenLockRate) this.#lockedBy = process;
  }

  isAway(process: SimProcess): boolean {
    return this.#isAway || this.#awayFrom.has(process.name);
  }

  isLockedFor(process: SimProcess): boolean {
    return this.#lockedBy !== process && this.#lockedBy?.isFrozen === true;
  }

  noteEntries(process: SimProcess, rows: readonly EntryRow[]): void {
    const appender = `${process.name}/${process.life}`;
    for (const { conversationId, seq } of rows) {
      if (seq < 1n) continue;
      this.tally.entries += 1;
      const before = this.#lastAppender.get(conversationId);
      if (before !== undefined && before !== appender) this.tally.takeovers += 1;
      this.#lastAppender.set(conversationId, appender);
    }
  }

  /** What a majority has not seen yet is no part of what is put back. */
  #withMajority(): StoreCore["collections"] {
    const { collections } = this.#store;
    return { ...collections, entries: createMajorityLog(collections.entries, this.scheduler) };
  }

  #notingGenerations(): StoreCore["collections"]["generations"] {
    const generations = createMemoryGenerationStore();
    return {
      raise: async (accountId, deviceId) => {
        const generation = await generations.raise(accountId, deviceId);
        this.#newestGenerations.set(deviceId, generation);
        return generation;
      },
    };
  }
}

function memoryCollections(): Omit<NodeStore, "generations"> {
  const changes = createMemoryChanges();
  const devices = createMemoryDeviceStore();
  return {
    accounts: createMemoryAccountStore(devices),
    devices,
    signingKeys: createMemorySigningKeyStore(),
    secretKeys: createMemorySecretKeyStore(),
    idSlots: createMemoryIdSlotStore(),
    epochMark: createMemoryEpochMarkStore(),
    epochHeads: createMemoryEpochHeadStore(),
    entries: createMemoryEntryStore(),
    heads: createMemoryHeadStore(changes),
    memberships: createMemoryMembershipStore(changes),
    changes,
    personal: createMemoryPersonalStore(),
  };
}
