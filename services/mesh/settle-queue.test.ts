import { expect, test } from "vitest";
import { SettleQueue } from "./settle-queue.ts";

test("each wait ends when its item is reached, and waits for one item share an entry", async () => {
  const queue = new SettleQueue();
  const reached: number[] = [];
  for (const seq of [2, 2, 5, 7]) void queue.reached(seq).then(() => reached.push(seq));
  expect(queue.reached(7)).toBe(queue.reached(7));
  const settle = async (seq: number): Promise<readonly number[]> => {
    queue.resolveUpTo(seq);
    await new Promise((resolve) => setImmediate(resolve));
    return [...reached];
  };
  expect(await settle(1)).toEqual([]);
  expect(await settle(2)).toEqual([2, 2]);
  expect(await settle(6)).toEqual([2, 2, 5]);
  queue.resolveAll();
  expect(await settle(6)).toEqual([2, 2, 5, 7]);
  queue.resolveAll();
});
