import { describe, expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { Lifecycle, type LifecyclePart } from "./lifecycle.ts";
import { type Logger, silentLogger } from "./logger.ts";

const deadlines = { startMs: 1_000, drainMs: 2_000, stopMs: 500 };

/** A lifecycle over parts that write down what happens to them. */
function setUp(changes: Readonly<Record<string, Partial<LifecyclePart>>> = {}) {
  const clock = new FakeClock();
  const events: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message) => void events.push(`warned: ${message}`) };
  const parts = ["store", "router", "edge"].map(
    (name): LifecyclePart => ({
      name,
      start: () => void events.push(`start ${name}`),
      drain: () => void events.push(`drain ${name}`),
      stop: () => void events.push(`stop ${name}`),
      ...changes[name],
    }),
  );
  return { clock, events, lifecycle: new Lifecycle({ clock, logger, parts, deadlines }) };
}

const fail = (): never => {
  throw new Error("planted");
};
const never = (): Promise<void> => new Promise(() => undefined);

/** Ends when the signal aborts, as a well-behaved part does. */
function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

describe("Lifecycle", () => {
  test("parts start in order, and drain and stop in reverse", async () => {
    const { clock, events, lifecycle } = setUp();
    await lifecycle.start();
    expect(lifecycle.state).toBe("running");
    await lifecycle.drain();
    expect(lifecycle.state).toBe("draining");
    expect(await lifecycle.stop()).toEqual([]);
    expect(lifecycle.state).toBe("stopped");
    expect(events).toEqual(
      ["start store", "start router", "start edge", "drain edge", "drain router", "drain store"].concat([
        "stop edge",
        "stop router",
        "stop store",
      ]),
    );
    expect(clock.pendingTimers).toBe(0);
  });

  test("when a part does not start, it and those before it are stopped and start rejects naming it", async () => {
    const { events, lifecycle } = setUp({ router: { start: fail } });
    await expect(lifecycle.start()).rejects.toThrow("router did not start");
    expect(events).toEqual(["start store", "stop router", "stop store"]);
    expect(lifecycle.state).toBe("stopped");
    expect(() => lifecycle.start()).toThrow("cannot start what is stopped");
  });

  test("a start that is later than its deadline fails, and the part hears of it", async () => {
    const seen: unknown[] = [];
    const start = async (signal: AbortSignal): Promise<void> => {
      await untilAborted(signal);
      seen.push(signal.reason);
    };
    const { clock, lifecycle } = setUp({ edge: { start } });
    const started = lifecycle.start().catch((error: unknown) => error);
    await clock.advance(1_000);
    expect(await started).toMatchObject({
      message: "edge did not start",
      cause: { message: "took longer than 1000 ms" },
    });
    expect(seen).toHaveLength(1);
  });

  test("a drain that misses its deadline is aborted, reported, and does not hold up the others", async () => {
    const { clock, events, lifecycle } = setUp({ edge: { drain: never } });
    await lifecycle.start();
    const drained = lifecycle.drain();
    await clock.advance(2_000);
    await drained;
    expect(events.slice(-3)).toEqual(["warned: edge failed to drain", "drain router", "drain store"]);
    expect(await lifecycle.stop()).toMatchObject([{ part: "edge", step: "drain" }]);
  });

  test("stop cuts a drain short", async () => {
    const { clock, events, lifecycle } = setUp({ edge: { drain: untilAborted } });
    await lifecycle.start();
    const drained = lifecycle.drain();
    expect(await lifecycle.stop()).toEqual([]);
    await drained;
    expect(events.slice(3)).toEqual(["stop edge", "stop router", "stop store"]);
    expect(clock.monotonicMs()).toBe(0);
  });

  test("stop during the start gives it up and stops what had started", async () => {
    const { clock, events, lifecycle } = setUp({ router: { start: untilAborted } });
    const started = lifecycle.start().catch((error: unknown) => error);
    await clock.settle();
    await lifecycle.stop();
    expect(await started).toMatchObject({ message: "edge did not start" });
    expect(events).toEqual(["start store", "stop router", "stop store"]);
  });

  test("parts that fail or hang while stopping are collected and the rest still stops", async () => {
    const { clock, events, lifecycle } = setUp({ edge: { stop: fail }, router: { stop: never } });
    await lifecycle.start();
    const stopped = lifecycle.stop();
    await clock.advance(500);
    expect(await stopped).toMatchObject([
      { part: "edge", step: "stop", error: { message: "planted" } },
      { part: "router", step: "stop", error: { message: "took longer than 500 ms" } },
    ]);
    expect(events.at(-1)).toBe("stop store");
  });

  test("disposing stops, and stopping twice stops once", async () => {
    const { events, lifecycle } = setUp();
    {
      await using scoped = lifecycle;
      await scoped.start();
    }
    await lifecycle.stop();
    expect(events.filter((event) => event.startsWith("stop"))).toHaveLength(3);
  });

  test("what never started is stopped without a word", async () => {
    const { events, lifecycle } = setUp();
    await lifecycle.drain();
    expect(await lifecycle.stop()).toEqual([]);
    expect(events).toEqual([]);
    expect(() => lifecycle.start()).toThrow("cannot start what is stopped");
  });
});
