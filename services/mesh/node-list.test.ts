import { expect, test } from "vitest";
import { silentLogger } from "../kernel/logger.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { nodeRecord } from "./fixtures/node-records.ts";
import { NodeList } from "./node-list.ts";

test("an equal list is no change and the array stays the same", async () => {
  const clock = new FakeClock();
  const list = new NodeList("a", clock, silentLogger);
  let told = 0;
  list.onChange(() => (told += 1));
  list.replace([nodeRecord("a"), nodeRecord("b")]);
  await clock.settle();
  const { nodes } = list;
  list.replace([nodeRecord("a"), nodeRecord("b")]);
  await clock.settle();
  expect([list.nodes === nodes, told]).toEqual([true, 1]);
  for (const changed of [
    [nodeRecord("a"), nodeRecord("b", { load: 0.5 })],
    [nodeRecord("a")],
    [nodeRecord("b")],
    [],
  ]) {
    list.replace(changed);
    await clock.settle();
    expect(list.nodes).toBe(changed);
  }
  expect(told).toBe(5);
});

test("the own node can be left out, and nobody is told after the stop", async () => {
  const clock = new FakeClock();
  const list = new NodeList("a", clock, silentLogger);
  let told = 0;
  list.onChange(() => (told += 1));
  list.replace([nodeRecord("a"), nodeRecord("b")]);
  expect(list.holdsOwn).toBe(true);
  list.dropOwn();
  expect([list.holdsOwn, list.nodes]).toEqual([false, [nodeRecord("b")]]);
  list.stop();
  await clock.settle();
  expect(told).toBe(0);
});
