import { expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { answerWithin } from "./answer-within.ts";

test("an answer in time is passed on, a failure as well, and no timer is left", async () => {
  const clock = new FakeClock();
  expect(await answerWithin(Promise.resolve(7), { clock, limitMs: 100 })).toBe(7);
  await expect(answerWithin(Promise.reject(new Error("no")), { clock, limitMs: 100 })).rejects.toThrow("no");
  expect(clock.pendingTimers).toBe(0);
});

test("an answer that does not come is a failure after the limit, and may fail later without harm", async () => {
  const clock = new FakeClock();
  const late = Promise.withResolvers<number>();
  const outcome = answerWithin(late.promise, { clock, limitMs: 100 }).catch((thrown: unknown) =>
    String(thrown),
  );
  await clock.advance(100);
  expect(await outcome).toBe("Error: no answer within 100 ms");
  late.reject(new Error("too late"));
  await clock.settle();
});

test("a signal ends the wait with its reason, also one that was aborted before", async () => {
  const clock = new FakeClock();
  const never = new Promise<never>(() => undefined);
  const stopping = new AbortController();
  const outcome = answerWithin(never, { clock, limitMs: 100, signal: stopping.signal });
  stopping.abort(new Error("enough"));
  await expect(outcome).rejects.toThrow("enough");
  await expect(answerWithin(never, { clock, limitMs: 100, signal: stopping.signal })).rejects.toThrow(
    "enough",
  );
  expect(clock.pendingTimers).toBe(0);
});
