import { describe, expect, test } from "vitest";
import { silentMetrics } from "../kernel/metrics.ts";
import { recordingLogger } from "../sqlite/fixtures/recording.ts";
import { createMemoryEpochMarkStore } from "../store/memory/epoch-mark.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { seededRng } from "../testkit/seeded-rng.ts";
import { createMemoryCoordinators } from "./coordinator/memory.ts";
import { FaultyCoordinator } from "./fixtures/faulty-coordinator.ts";
import type { EpochMarkStore, StoreMark } from "./ports.ts";
import { openStoreEpoch, type StoreEpoch, storeEpochLimits } from "./store-epoch.ts";

/** By when a running node has looked again, in milliseconds. */
const lookedMs = 1.1 * storeEpochLimits.intervalMs;

/** A store that can be put back, or away, a coordinator, and nodes that look at them. */
class Stage {
  readonly clock = new FakeClock();
  readonly #coordinators = createMemoryCoordinators(this.clock);
  readonly coordinator = new FaultyCoordinator(this.#coordinators(), this.clock);
  /** The same one as another node has it, without faults. */
  readonly other = this.#coordinators();
  readonly logger = recordingLogger();
  readonly raised: string[] = [];
  /** The gauges of the node that was opened last. */
  readonly gauges = new Map<string, () => number>();
  isAway = false;
  #store = createMemoryEpochMarkStore();
  readonly store: EpochMarkStore = {
    read: () => this.#orAway(() => this.#store.read()),
    raise: (from, to) => this.#orAway(() => this.#store.raise(from, to)),
  };

  /** Puts the store back to a mark that it had, or that another store had. */
  async putBack(mark: StoreMark): Promise<void> {
    this.#store = createMemoryEpochMarkStore();
    await this.#store.raise({ epoch: 1n, tick: 0n }, mark);
  }

  open(): Promise<StoreEpoch> {
    const { store, coordinator, clock, logger } = this;
    const observedGauge = (name: string, _help: string, read: () => number): void =>
      void this.gauges.set(name, read);
    const metrics = { ...silentMetrics, observedGauge };
    return openStoreEpoch({ store, coordinator, clock, rng: seededRng(1), logger, metrics });
  }

  /** A node that has started, and notes what it is told. */
  async node(name: string, hasTick: boolean): Promise<StoreEpoch> {
    const epoch = await this.open();
    const onRaised = async (): Promise<void> => void this.raised.push(`${name} ${epoch.current()}`);
    epoch.start({ hasTick: () => hasTick, onRaised });
    return epoch;
  }

  async #orAway<T>(call: () => Promise<T>): Promise<T> {
    if (this.isAway) throw new Error("the store is away");
    return call();
  }
}

describe("a node that starts", () => {
  test("raises the tick and tells the coordinator, so that a copy from before is found to be one", async () => {
    const stage = new Stage();
    const first = await stage.open();
    expect(await stage.store.read()).toEqual({ epoch: 1n, tick: 1n, lineage: [1n] });
    expect(await stage.coordinator.readMark()).toEqual({ epoch: 1n, tick: 1n });
    expect([first.current(), first.isOwn(1n), first.isOwn(2n)]).toEqual([1n, true, false]);
    await stage.putBack({ epoch: 1n, tick: 0n, lineage: [1n] });
    const second = await stage.open();
    expect(await stage.store.read()).toEqual({ epoch: 2n, tick: 2n, lineage: [1n, 2n] });
    expect(await stage.coordinator.readMark()).toEqual({ epoch: 2n, tick: 2n });
    expect([second.current(), second.isOwn(1n), second.isOwn(2n)]).toEqual([2n, true, true]);
    expect(stage.logger.lines.join()).toContain("the store was put back to an earlier state");
  });

  test("says of an epoch that another copy went on with that it is not the store's own", async () => {
    const stage = new Stage();
    await stage.coordinator.raiseMark({ epoch: 2n, tick: 9n });
    await stage.putBack({ epoch: 1n, tick: 3n, lineage: [1n] });
    const epoch = await stage.open();
    expect([epoch.current(), epoch.isOwn(1n), epoch.isOwn(2n)]).toEqual([3n, true, false]);
  });

  test.each(["the store", "the coordinator"])(
    "waits for %s, and rejects when it does not come",
    async (what) => {
      const stage = new Stage();
      const setAway = (isAway: boolean): void => {
        if (what === "the store") stage.isAway = isAway;
        else stage.coordinator.fault = isAway ? { kind: "away" } : { kind: "none" };
      };
      setAway(true);
      const late = stage.open();
      await stage.clock.advance(10_000);
      setAway(false);
      await stage.clock.advance(5_000);
      expect((await late).current()).toBe(1n);
      setAway(true);
      const never = stage.open().then(
        () => "opened",
        (error: unknown) => String(error),
      );
      await stage.clock.advance(storeEpochLimits.startMsMax + 5_000);
      expect(await never).toContain("away");
      expect(stage.clock.pendingTimers).toBe(0);
    },
  );

  test("many that start at once on a store that was put back agree on one epoch", async () => {
    const stage = new Stage();
    await stage.coordinator.raiseMark({ epoch: 1n, tick: 9n });
    const nodes = await Promise.all(Array.from({ length: 8 }, () => stage.open()));
    expect(nodes.map((node) => node.current())).toEqual(Array(8).fill(2n));
    expect(await stage.store.read()).toMatchObject({ epoch: 2n });
  });
});

describe("a running node", () => {
  test("raises the tick when it has it, and only looks when it has not", async () => {
    const stage = new Stage();
    const [one, other] = [await stage.node("one", true), await stage.node("other", false)];
    await stage.clock.advance(10 * storeEpochLimits.intervalMs);
    const { tick } = await stage.store.read();
    // Two starts and some ten looks of one node.
    expect(Number(tick)).toBeGreaterThanOrEqual(2 + 9);
    expect(Number(tick)).toBeLessThanOrEqual(2 + 11);
    expect(await stage.coordinator.readMark()).toEqual({ epoch: 1n, tick });
    await Promise.all([one.stop(), other.stop()]);
    expect(stage.clock.pendingTimers).toBe(0);
    expect(stage.raised).toEqual([]);
  });

  test("takes an epoch that another one, or a command, has raised, also without the coordinator", async () => {
    const stage = new Stage();
    const node = await stage.node("one", false);
    stage.coordinator.fault = { kind: "away" };
    const mark = await stage.store.read();
    await stage.store.raise(mark, { epoch: 2n, tick: mark.tick, lineage: [1n, 2n] });
    await stage.clock.advance(lookedMs);
    expect(stage.raised).toEqual(["one 2"]);
    await stage.clock.advance(3 * lookedMs);
    expect(stage.raised).toEqual(["one 2"]);
    await node.stop();
  });

  test("looks at once when somebody has heard of a higher epoch, but not for everybody who says so", async () => {
    const stage = new Stage();
    const node = await stage.node("one", false);
    const mark = await stage.store.read();
    await stage.store.raise(mark, { epoch: 2n, tick: mark.tick, lineage: [1n, 2n] });
    await Promise.all([node.refresh(), node.refresh()]);
    expect(stage.raised).toEqual(["one 2"]);
    const looks = stage.coordinator.count("readMark");
    stage.coordinator.fault = { kind: "away" };
    const asked = Array.from({ length: 20 }, () => node.refresh());
    await stage.clock.advance(storeEpochLimits.refreshGapMsMin - 1);
    expect(stage.coordinator.count("readMark")).toBe(looks);
    await stage.clock.advance(1);
    await Promise.all(asked);
    expect(stage.coordinator.count("readMark")).toBe(looks + 1);
    const late = node.refresh();
    await node.stop();
    await Promise.all([late, node.refresh()]);
    expect(stage.clock.pendingTimers).toBe(0);
  });

  test("takes a tick that comes between its two reads for no loss", async () => {
    const stage = new Stage();
    const node = await stage.node("one", false);
    stage.coordinator.fault = { kind: "late", delayMs: 2_000 };
    const looking = node.refresh();
    await stage.clock.advance(1_000);
    const mark = await stage.store.read();
    const next = { ...mark, tick: mark.tick + 1n };
    await stage.store.raise(mark, next);
    await stage.other.raiseMark(next);
    await stage.clock.advance(6_000);
    await looking;
    stage.coordinator.fault = { kind: "none" };
    expect([stage.raised, (await stage.store.read()).epoch]).toEqual([[], 1n]);
    await node.stop();
  });

  test("finds a store that was put back beneath it, once, and does not mistake its absence for that", async () => {
    const stage = new Stage();
    const nodes = [await stage.node("one", true), await stage.node("other", false)];
    await stage.clock.advance(3 * lookedMs);
    stage.isAway = true;
    await stage.clock.advance(3 * lookedMs);
    stage.coordinator.fault = { kind: "silent" };
    await stage.clock.advance(3 * lookedMs);
    expect(stage.gauges.get("store_tick_age_seconds")?.()).toBeGreaterThan(60);
    stage.isAway = false;
    stage.coordinator.fault = { kind: "none" };
    await stage.clock.advance(3 * lookedMs);
    expect(stage.raised).toEqual([]);
    await stage.putBack({ epoch: 1n, tick: 1n, lineage: [1n] });
    await stage.clock.advance(3 * lookedMs);
    expect(stage.raised.toSorted()).toEqual(["one 2", "other 2"]);
    expect(stage.gauges.get("store_epoch")?.()).toBe(2);
    expect(stage.gauges.get("store_tick_age_seconds")?.()).toBeLessThan(12);
    await Promise.all(nodes.map((node) => node.stop()));
  });

  test("makes up for an answer of the coordinator that was lost", async () => {
    const stage = new Stage();
    const node = await stage.node("one", true);
    stage.coordinator.fault = { kind: "reply lost" };
    await stage.clock.advance(3 * lookedMs);
    stage.coordinator.fault = { kind: "none" };
    await stage.clock.advance(lookedMs);
    const { epoch, tick } = await stage.store.read();
    expect(await stage.coordinator.readMark()).toEqual({ epoch, tick });
    expect(epoch).toBe(1n);
    await node.stop();
  });
});
