import * as fc from "fast-check";
import { expect, test } from "vitest";
import { defaultLimits } from "./limits.ts";
import { PendingRequests } from "./pending-requests.ts";

const write = (argument: unknown) => ({ kind: "write", name: "insert", argument }) as const;
const read = { kind: "read", name: "count", argument: undefined } as const;
const done = (id: number) => ({ id, outcome: "done", value: id }) as const;

test("requests are handed out once, in order, and settled by number", async () => {
  const pending = new PendingRequests(defaultLimits);
  const answers = [pending.add(write("a")), pending.add(read)];
  expect(pending.takeUnsent().map(({ id, name }) => `${id} ${name}`)).toEqual(["1 insert", "2 count"]);
  expect(pending.takeUnsent()).toEqual([]);
  pending.settle(done(2));
  pending.settle(done(1));
  expect(await Promise.all(answers)).toEqual([1, 2]);
  expect(pending.size).toBe(0);
});

test("at a loss, a write that was sent is unknown; a read and what was never sent are refused", async () => {
  const pending = new PendingRequests(defaultLimits);
  const sentWrite = pending.add(write(1));
  const sentRead = pending.add(read);
  pending.takeUnsent();
  const unsentWrite = pending.add(write(2));
  pending.failAll("gone");
  await expect(sentWrite).rejects.toMatchObject({ name: "StoreOutcomeUnknown", message: "gone" });
  await expect(sentRead).rejects.toMatchObject({ name: "StoreRefusal", kind: "unavailable" });
  await expect(unsentWrite).rejects.toMatchObject({ name: "StoreRefusal", kind: "unavailable" });
  expect(pending.takeUnsent()).toEqual([]);
});

test("an answer that comes after its request was given up is ignored", async () => {
  const pending = new PendingRequests(defaultLimits);
  const given = pending.add(write(1));
  pending.failAll("gone");
  pending.settle(done(1));
  await expect(given).rejects.toThrow("gone");
});

test("whatever comes and goes, the limits hold and what was taken is given back", async () => {
  const limits = { ...defaultLimits, queuedRequestsMax: 5, queuedBytesMax: 400 };
  const sizes = fc.array(fc.option(fc.integer({ min: 0, max: 300 })), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(sizes, async (steps) => {
      const pending = new PendingRequests(limits);
      let settledUpTo = 0;
      let accepted = 0;
      for (const size of steps) {
        if (size === null && settledUpTo < accepted) {
          settledUpTo += 1;
          pending.settle(done(settledUpTo));
        } else if (size !== null) {
          const before = pending.size;
          const answer = pending.add(write(new Uint8Array(size)));
          answer.catch(() => undefined);
          accepted += pending.size - before;
        }
        expect(pending.size).toBeLessThanOrEqual(5);
      }
      pending.failAll("end");
      const large = pending.add(write(new Uint8Array(300)));
      expect(pending.size).toBe(1);
      pending.failAll("end");
      await expect(large).rejects.toThrow("end");
    }),
  );
});
