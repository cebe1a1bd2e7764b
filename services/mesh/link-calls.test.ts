import { expect, test } from "vitest";
import { FreezableClock } from "./fixtures/freezable-clock.ts";
import { LinkStage } from "./fixtures/link-stage.ts";
import { introduce, range, utf8 } from "./fixtures/linked-node.ts";
import type { CallOutcome } from "./links.ts";

/** Waits for the clock as long as the call does. */
async function outcomeOf(stage: LinkStage, call: Promise<CallOutcome>): Promise<CallOutcome> {
  await stage.clock.settle();
  return call;
}

test("a call is answered, and one whose handler fails says why", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  expect(await outcomeOf(stage, one.call("n2", "hello"))).toEqual({ kind: "answered", body: utf8("hello") });
  other.answer = () => Promise.reject(new Error("planted"));
  expect(await outcomeOf(stage, one.call("n2", "hello"))).toEqual({ kind: "failed", message: "planted" });
  other.answer = () => {
    throw new Error("thrown");
  };
  expect(await outcomeOf(stage, one.call("n2", "hello"))).toEqual({ kind: "failed", message: "thrown" });
  // Once for both.
  expect(other.log.filter((line) => line.startsWith("warn"))).toEqual(["warn a call of another node failed"]);
  expect(await one.measured('link_calls_total{outcome="answered"}')).toBe(1);
  expect(await one.measured('link_calls_total{outcome="failed"}')).toBe(2);
});

test("an empty answer is an answer", async () => {
  await using stage = new LinkStage();
  const [one] = await stage.pair();
  expect(await outcomeOf(stage, one.call("n2", ""))).toEqual({ kind: "answered", body: new Uint8Array() });
});

test("a call travels behind the items that were sent before it", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  one.sendSeqs("n2", range(1, 64));
  other.answer = async () => utf8(`${other.seqs().length}`);
  expect(await outcomeOf(stage, one.call("n2", "how many"))).toEqual({ kind: "answered", body: utf8("64") });
});

test("a call without an answer in time is lost, and a later answer disturbs nobody", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  other.answer = () => promise;
  const call = one.call("n2", "slow", 300);
  await stage.clock.advance(300);
  expect(await call).toEqual({ kind: "lost", message: "not answered within 300 ms" });
  resolve(utf8("late"));
  await stage.clock.settle();
  other.answer = async ({ body }) => body;
  expect(await outcomeOf(stage, one.call("n2", "next"))).toEqual({ kind: "answered", body: utf8("next") });
});

test("the handler learns by its own clock until when the answer is waited for", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  void one.call("n2", "when", 700);
  await stage.clock.settle();
  expect(other.calls[0]).toMatchObject({ name: "echo", expireMs: stage.clock.monotonicMs() + 700 });
});

test("a call is lost at once without a link, before it is open, and when the stream breaks", async () => {
  await using stage = new LinkStage();
  const [one, other] = [await stage.node("n1"), await stage.node("n2")];
  expect(await one.call("n9", "nobody")).toEqual({ kind: "lost", message: "there is no link to n9" });
  introduce(one, other);
  expect(await one.call("n2", "early")).toMatchObject({ kind: "lost" });
  await stage.clock.advance(10);
  other.answer = () => new Promise(() => undefined);
  const call = one.call("n2", "under way");
  await stage.clock.settle();
  stage.break("n1", "n2");
  expect(await outcomeOf(stage, call)).toEqual({ kind: "lost", message: "the connection broke" });
});

test("an answer to a call of a stream that has ended is not sent on the next one", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  other.answer = () => promise;
  void one.call("n2", "first");
  await stage.clock.settle();
  stage.break("n1", "n2");
  await stage.clock.advance(1_000);
  other.answer = () => new Promise(() => undefined);
  const second = one.call("n2", "second", 500);
  resolve(utf8("of the first"));
  await stage.clock.advance(500);
  expect(await second).toMatchObject({ kind: "lost" });
});

test("too many calls fail at once on either side, and those before them are answered", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair({ limits: { callsPendingMax: 5, callsAnsweringMax: 3 } });
  const release = Promise.withResolvers<void>();
  other.answer = async ({ body }) => {
    await release.promise;
    return body;
  };
  const calls = range(1, 6).map((n) => one.call("n2", `${n}`));
  await stage.clock.settle();
  release.resolve();
  await stage.clock.settle();
  const outcomes = await Promise.all(calls);
  expect(outcomes.map(({ kind }) => kind)).toEqual(range(1, 6).map((n) => (n <= 3 ? "answered" : "failed")));
  expect(outcomes[3]).toMatchObject({ message: "too many calls: 3 are being answered" });
  expect(outcomes[5]).toMatchObject({ message: "too many calls: 5 wait for their answers" });
  expect(other.calls).toHaveLength(3);
});

test("calls that were answered make room for others", async () => {
  await using stage = new LinkStage();
  const [one] = await stage.pair({ limits: { callsPendingMax: 2, callsAnsweringMax: 2 } });
  for (const n of range(1, 10)) {
    expect(await outcomeOf(stage, one.call("n2", `${n}`))).toMatchObject({ kind: "answered" });
  }
});

test("answers and acknowledgements wait while the other side does not read, and then go on", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  stage.path("n2", "n1").stall();
  const calls = range(1, 5).map(async (n) => {
    await stage.clock.settle();
    return one.call("n2", `${n}`);
  });
  one.sendSeqs("n2", range(1, 5));
  await stage.clock.settle();
  one.sendSeqs("n2", range(6, 10));
  await stage.clock.advance(1_500);
  expect(one.links.status()[0]?.unacknowledged).toBe(10);
  expect(stage.path("n2", "n1").framesHeld).toBeLessThanOrEqual(3);
  stage.path("n2", "n1").heal();
  await stage.clock.settle();
  expect(one.links.status()[0]?.unacknowledged).toBe(0);
  expect((await Promise.all(calls)).map(({ kind }) => kind)).toEqual(
    Array.from({ length: 5 }, () => "answered"),
  );
  expect(other.news.filter((line) => line === "in n1")).toHaveLength(1);
});

test("what is too large for a frame fails, asked or answered", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair({ limits: { bodyBytesMax: 100 } });
  expect(await outcomeOf(stage, one.call("n2", "x".repeat(101)))).toMatchObject({ kind: "failed" });
  other.answer = async () => new Uint8Array(101);
  expect(await outcomeOf(stage, one.call("n2", "x"))).toEqual({
    kind: "failed",
    message: "the answer has 101 bytes",
  });
});

test("a node that does not read its answers has its stream ended", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair({ limits: { callsAnsweringMax: 3 } });
  stage.path("n2", "n1").stall();
  for (const n of range(1, 10)) {
    void one.call("n2", `${n}`);
    await stage.clock.settle();
  }
  expect(stage.path("n2", "n1").framesHeld).toBeLessThanOrEqual(3);
  stage.path("n2", "n1").heal();
  await stage.clock.settle();
  expect(one.links.isUp("n2")).toBe(false);
  await stage.clock.advance(1_000);
  expect(one.links.isUp("n2")).toBe(true);
  expect(other.calls.length).toBeLessThan(10);
});

test("a node that stood still starts no call that nobody waits for any more, and suspects nobody", async () => {
  await using stage = new LinkStage();
  const frozen = new FreezableClock(stage.clock);
  const [one, other] = [await stage.node("n1"), await stage.node("n2", { clock: frozen })];
  introduce(one, other);
  await stage.clock.advance(1_000);
  // What arrives is read when the node thaws.
  stage.path("n1", "n2").cut();
  frozen.freeze();
  const calls = [one.call("n2", "short", 2_000), one.call("n2", "long", 8_000)];
  await stage.clock.advance(3_000);
  stage.path("n1", "n2").heal();
  await stage.clock.settle();
  expect(other.calls.map(({ body }) => body)).toEqual([utf8("long")]);
  expect(other.calls[0]?.expireMs).toBeLessThan(stage.clock.monotonicMs() + 5_500);
  frozen.thaw();
  await stage.clock.settle();
  expect(other.links.isUp("n1")).toBe(true);
  // The node that asked has suspected it meanwhile, and asked elsewhere.
  expect(await Promise.all(calls)).toMatchObject([{ kind: "lost" }, { kind: "lost" }]);
  await stage.clock.advance(5_000);
  expect(other.news.filter((line) => line === "down n1")).toEqual([]);
});
