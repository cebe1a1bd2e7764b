import { expect, test } from "vitest";
import { createLocalRouter } from "./local-router.ts";
import type { TopicEvent } from "./router.ts";

function eventOn(topic: string, seq = 1n): TopicEvent {
  return {
    topic,
    class: "durable",
    conversationId: "c",
    seq,
    bytes: new Uint8Array(),
    membership: false,
    key: "",
  };
}

function routerThatKeepsErrors() {
  const errors: unknown[] = [];
  const router = createLocalRouter(
    async (command: string) => `done: ${command}`,
    (error) => errors.push(error),
  );
  return { router, errors };
}

test("a command is handed to this process, whatever its topic", async () => {
  const { router } = routerThatKeepsErrors();
  expect(await router.command("conv/x", "append")).toBe("done: append");
});

test("an event reaches every listener of its topic in the same turn, and no other", () => {
  const { router } = routerThatKeepsErrors();
  const seen: string[] = [];
  router.join("conv/a", () => seen.push("first"));
  router.join("conv/a", () => seen.push("second"));
  router.join("conv/b", () => seen.push("other"));
  router.publish(eventOn("conv/a"));
  expect(seen).toEqual(["first", "second"]);
});

test("a listener that left hears nothing more, and leaving twice takes nobody else along", () => {
  const { router } = routerThatKeepsErrors();
  const seen: string[] = [];
  const leave = router.join("conv/a", () => seen.push("left"));
  router.join("conv/a", () => seen.push("stays"));
  leave();
  leave();
  router.publish(eventOn("conv/a"));
  expect(seen).toEqual(["stays"]);
});

test("a listener that leaves during an event does not disturb the others of that event", () => {
  const { router } = routerThatKeepsErrors();
  const seen: string[] = [];
  const leave = router.join("conv/a", () => {
    seen.push("once");
    leave();
  });
  router.join("conv/a", () => seen.push("always"));
  router.publish(eventOn("conv/a", 1n));
  router.publish(eventOn("conv/a", 2n));
  expect(seen).toEqual(["once", "always", "always"]);
});

test("a listener that throws is reported and the others are still told", () => {
  const { router, errors } = routerThatKeepsErrors();
  const seen: string[] = [];
  router.join("conv/a", () => {
    throw new Error("broken listener");
  });
  router.join("conv/a", () => seen.push("told"));
  router.publish(eventOn("conv/a"));
  expect(seen).toEqual(["told"]);
  expect(errors).toHaveLength(1);
});
