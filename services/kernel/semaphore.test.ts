import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { prometheusMetrics } from "./prometheus-metrics.ts";
import { createSemaphore, type Semaphore } from "./semaphore.ts";

const options = { name: "hash", limit: 2, queueMax: 1, retryDelayMs: 250 };

/** Starts a task that ends when `end` is called. */
function occupy(
  semaphore: Semaphore,
  signal?: AbortSignal,
): { readonly end: () => void; readonly done: Promise<void> } {
  const gate = Promise.withResolvers<void>();
  return { end: gate.resolve, done: semaphore.run(() => gate.promise, signal) };
}

describe("createSemaphore", () => {
  test("beyond the limit tasks wait, and beyond the queue they are refused with a retry hint", async () => {
    const semaphore = createSemaphore(options);
    const tasks = [occupy(semaphore), occupy(semaphore), occupy(semaphore)];
    expect([semaphore.running, semaphore.waiting]).toEqual([2, 1]);
    await expect(semaphore.run(async () => expect.unreachable())).rejects.toMatchObject({
      reason: ErrorReason.OVERLOADED,
      metadata: { limit: "hash" },
      retryDelayMs: 250,
    });
    for (const task of tasks) task.end();
    await Promise.all(tasks.map((task) => task.done));
    expect([semaphore.running, semaphore.waiting]).toEqual([0, 0]);
  });

  test("a waiting task that is aborted leaves the queue and never runs", async () => {
    const semaphore = createSemaphore({ ...options, limit: 1 });
    const first = occupy(semaphore);
    const abort = new AbortController();
    const second = semaphore.run(async () => expect.unreachable(), abort.signal);
    abort.abort(new Error("gone"));
    await expect(second).rejects.toThrow("gone");
    expect(semaphore.waiting).toBe(0);
    const third = occupy(semaphore);
    first.end();
    third.end();
    await Promise.all([first.done, third.done]);
    await expect(semaphore.run(async () => expect.unreachable(), abort.signal)).rejects.toThrow("gone");
    expect(semaphore.running).toBe(0);
  });

  test("a task that fails gives its place back", async () => {
    const semaphore = createSemaphore({ ...options, limit: 1 });
    await expect(semaphore.run(() => Promise.reject(new Error("planted")))).rejects.toThrow("planted");
    expect(await semaphore.run(async () => "next")).toBe("next");
  });

  test("its metrics count what runs, waits and was refused", async () => {
    const metrics = prometheusMetrics();
    const semaphore = createSemaphore({ ...options, metrics });
    const tasks = [occupy(semaphore), occupy(semaphore), occupy(semaphore)];
    await expect(semaphore.run(async () => undefined)).rejects.toThrow("too many");
    const page = await metrics.render();
    expect(page).toContain("parley_hash_running 2");
    expect(page).toContain("parley_hash_waiting 1");
    expect(page).toContain("parley_hash_refused_total 1");
    for (const task of tasks) task.end();
    await Promise.all(tasks.map((task) => task.done));
  });

  test("whatever the load, the limit holds and tasks run in the order of their arrival", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat(3), { maxLength: 30 }),
        async (limit, turns) => {
          const semaphore = createSemaphore({ ...options, limit, queueMax: 30 });
          const order: number[] = [];
          let most = 0;
          const task = async (index: number, length: number): Promise<void> => {
            order.push(index);
            most = Math.max(most, semaphore.running);
            for (let turn = 0; turn < length; turn += 1) await Promise.resolve();
          };
          await Promise.all(turns.map((length, index) => semaphore.run(() => task(index, length))));
          expect(order).toEqual(turns.map((_, index) => index));
          expect(most).toBe(Math.min(limit, turns.length));
          expect(semaphore.running).toBe(0);
        },
      ),
    );
  });
});
