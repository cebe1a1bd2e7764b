import { describe, expect, test } from "vitest";
import { type Coordinator, leaseMs } from "../../mesh/coordinator.ts";
import {
  type CoordinatedCluster,
  describeCoordinatorContract,
} from "../../mesh/fixtures/coordinator.contract.ts";
import { nodeRecord } from "../../mesh/fixtures/node-records.ts";
import { seededRng } from "../seeded-rng.ts";
import { type CoordinatorPlan, SimCoordinators } from "./sim-coordinator.ts";
import { SimHost } from "./sim-host.ts";
import { SimScheduler } from "./sim-scheduler.ts";

class Stage implements CoordinatedCluster {
  readonly scheduler: SimScheduler;
  readonly coordinators: SimCoordinators;
  readonly hosts: SimHost[] = [];
  readonly opened: Coordinator[] = [];

  constructor(plan: Partial<CoordinatorPlan> = {}, seed = 1) {
    const rng = seededRng(seed);
    this.scheduler = new SimScheduler(rng.fork());
    this.coordinators = new SimCoordinators(this.scheduler, rng.fork(), {
      delay: { minMs: 1, maxMs: 3, tailRate: 0.1, tailMs: 20 },
      expireLateMsMax: 2 * leaseMs - 1_000,
      replyLostRate: 0,
      hintLostRate: 0,
      ...plan,
    });
  }

  async open(): Promise<Coordinator> {
    const host = new SimHost(this.scheduler, `n${this.hosts.length + 1}`, seededRng(this.hosts.length));
    this.hosts.push(host);
    const coordinator = this.coordinators.open(host.boot());
    this.opened.push(coordinator);
    return coordinator;
  }

  pass(ms: number): Promise<void> {
    return this.scheduler.run(this.scheduler.nowMs + ms);
  }

  async answer<T>(call: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => void (isOver = true);
    call.then(over, over);
    if (!(await this.scheduler.runUntil(() => isOver, this.scheduler.nowMs + 60_000)))
      throw new Error("no answer");
    return call;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const coordinator of this.opened) await coordinator.stop();
  }
}

describeCoordinatorContract("a simulation", async () => new Stage());

describe("SimCoordinators", () => {
  test("leases end late by chance, never early", async () => {
    const livesMs: number[] = [];
    for (let seed = 0; seed < 20; seed += 1) {
      const stage = new Stage({ expireLateMsMax: 5_000 }, seed);
      const coordinator = await stage.open();
      await stage.answer(coordinator.register(nodeRecord("a")));
      const beganMs = stage.scheduler.nowMs;
      await stage.scheduler.runUntil(() => stage.coordinators.registry.list().length === 0, 1e6);
      livesMs.push(stage.scheduler.nowMs - beganMs);
    }
    expect(Math.min(...livesMs)).toBeGreaterThan(leaseMs - 50);
    expect(Math.min(...livesMs)).toBeLessThan(leaseMs + 1_000);
    expect(Math.max(...livesMs)).toBeGreaterThan(leaseMs + 4_000);
  });

  test("away, it rejects calls at once or late and gives no hints; then it goes on", async () => {
    const waits = new Set<boolean>();
    for (let seed = 0; seed < 10; seed += 1) {
      const stage = new Stage({}, seed);
      const [one, other] = [await stage.open(), await stage.open()];
      let hints = 0;
      one.watch(() => (hints += 1));
      stage.coordinators.setAwayFrom("n1", true);
      const beganMs = stage.scheduler.nowMs;
      await expect(stage.answer(one.list())).rejects.toThrow("away");
      waits.add(stage.scheduler.nowMs - beganMs > 1_000);
      await stage.answer(other.register(nodeRecord("a")));
      await stage.pass(100);
      expect(hints).toBe(0);
      stage.coordinators.setAwayFrom("n1", false);
      expect(await stage.answer(one.list())).toHaveLength(1);
      stage.coordinators.setAway(true);
      await expect(stage.answer(other.list())).rejects.toThrow("away");
      expect(stage.coordinators.failed).toBe(2);
    }
    expect(waits).toEqual(new Set([true, false]));
  });

  test("a call whose reply is lost was done", async () => {
    const stage = new Stage({ replyLostRate: 1 });
    const coordinator = await stage.open();
    await expect(stage.answer(coordinator.register(nodeRecord("a")))).rejects.toThrow("reply was lost");
    expect(stage.coordinators.registry.list()).toHaveLength(1);
  });

  test("hints are skipped by chance", async () => {
    const stage = new Stage({ hintLostRate: 0.5 });
    const coordinator = await stage.open();
    let hints = 0;
    coordinator.watch(() => (hints += 1));
    for (let index = 0; index < 100; index += 1)
      await stage.answer(coordinator.register(nodeRecord(`n${index}`)));
    await stage.pass(100);
    expect(hints).toBeGreaterThan(25);
    expect(hints).toBeLessThan(75);
  });

  test("a dead process hears nothing, and what it asked for may be done all the same", async () => {
    const counts = new Set<number>();
    for (let seed = 0; seed < 20; seed += 1) {
      const stage = new Stage({}, seed);
      const coordinator = await stage.open();
      let isHeard = false;
      void coordinator.register(nodeRecord("a")).then(() => (isHeard = true));
      stage.hosts[0]?.crash();
      await stage.pass(100);
      expect(isHeard).toBe(false);
      counts.add(stage.coordinators.registry.list().length);
    }
    expect(counts).toEqual(new Set([0, 1]));
  });
});
