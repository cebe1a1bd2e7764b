import { expect, test } from "vitest";
import { FakeClock } from "../../testkit/fake-clock.ts";
import type { Coordinator } from "../coordinator.ts";
import { type CoordinatedCluster, describeCoordinatorContract } from "../fixtures/coordinator.contract.ts";
import { nodeRecord } from "../fixtures/node-records.ts";
import { createMemoryCoordinators } from "./memory.ts";

describeCoordinatorContract("memory", openMemoryCluster);

async function openMemoryCluster(): Promise<CoordinatedCluster> {
  const clock = new FakeClock();
  const create = createMemoryCoordinators(clock);
  const opened: Coordinator[] = [];
  return {
    open: async () => {
      const coordinator = create();
      opened.push(coordinator);
      return coordinator;
    },
    pass: (ms) => clock.advance(ms),
    answer: (call) => call,
    async [Symbol.asyncDispose]() {
      for (const coordinator of opened) await coordinator.stop();
      expect(clock.pendingTimers).toBe(0);
    },
  };
}

test("clusters of one process know nothing of one another", async () => {
  const clock = new FakeClock();
  await using one = createMemoryCoordinators(clock)();
  await using other = createMemoryCoordinators(clock)();
  await one.register(nodeRecord("a"));
  expect(await other.list()).toEqual([]);
});

test("with all slots taken a node is refused by name, until one leaves", async () => {
  await using coordinator = createMemoryCoordinators(new FakeClock())();
  const first = await coordinator.register(nodeRecord("n0"));
  for (let index = 1; index < 1_023; index += 1) await coordinator.register(nodeRecord(`n${index}`));
  await expect(coordinator.register(nodeRecord("late"))).rejects.toThrow(/late.*1023 id slots/);
  await first.leave();
  expect((await coordinator.register(nodeRecord("late"))).idSlot).toBe(0);
});
