import { expect, test } from "vitest";
import { LocalTopics } from "./local-topics.ts";
import type { TopicEvent } from "./router.ts";

const eventOn = (topic: string, seq = 1n): TopicEvent => ({
  topic,
  class: "durable",
  conversationId: "c",
  seq,
  bytes: new Uint8Array(),
  membership: false,
  key: "",
});

function localTopics() {
  const errors: unknown[] = [];
  return { local: new LocalTopics((error) => errors.push(error)), errors };
}

test("an event reaches every listener of its topic in the same turn, and no other", () => {
  const { local } = localTopics();
  const seen: string[] = [];
  local.add("conv/a", () => seen.push("first"));
  local.add("conv/a", () => seen.push("second"));
  local.add("conv/b", () => seen.push("other"));
  expect(local.deliver(eventOn("conv/a"))).toBe(true);
  expect(seen).toEqual(["first", "second"]);
});

test("an event of a topic that nobody listens to is told apart", () => {
  const { local } = localTopics();
  const listener = (): void => undefined;
  expect(local.deliver(eventOn("conv/a"))).toBe(false);
  local.add("conv/a", listener);
  local.remove("conv/a", listener);
  expect(local.deliver(eventOn("conv/a"))).toBe(false);
});

test("the first listener of a topic and the last one are told apart from others", () => {
  const { local } = localTopics();
  const [one, two] = [() => undefined, () => undefined];
  expect([local.add("conv/a", one), local.add("conv/a", two)]).toEqual([true, false]);
  expect([...local.topics()]).toEqual(["conv/a"]);
  expect([local.remove("conv/a", one), local.remove("conv/a", one)]).toEqual([false, false]);
  expect([local.remove("conv/a", two), local.remove("conv/a", two)]).toEqual([true, false]);
  expect([local.size, local.has("conv/a")]).toEqual([0, false]);
});

test("a listener that leaves during an event does not disturb the others of that event", () => {
  const { local } = localTopics();
  const seen: string[] = [];
  const leaving = (): void => {
    seen.push("once");
    local.remove("conv/a", leaving);
  };
  local.add("conv/a", leaving);
  local.add("conv/a", () => seen.push("always"));
  local.deliver(eventOn("conv/a", 1n));
  local.deliver(eventOn("conv/a", 2n));
  expect(seen).toEqual(["once", "always", "always"]);
});

test("a listener that joins during an event hears the next one", () => {
  const { local } = localTopics();
  const seen: bigint[] = [];
  const joining = (): void => {
    local.remove("conv/a", joining);
    local.add("conv/a", ({ seq }) => seen.push(seq));
  };
  local.add("conv/a", joining);
  local.deliver(eventOn("conv/a", 1n));
  local.deliver(eventOn("conv/a", 2n));
  expect(seen).toEqual([2n]);
});

test("a listener that throws is reported and the others are still told", () => {
  const { local, errors } = localTopics();
  const seen: string[] = [];
  local.add("conv/a", () => {
    throw new Error("broken listener");
  });
  local.add("conv/a", () => seen.push("told"));
  local.deliver(eventOn("conv/a"));
  expect(seen).toEqual(["told"]);
  expect(errors).toHaveLength(1);
});
