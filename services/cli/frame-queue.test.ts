import { expect, test } from "vitest";
import { createFrameQueue } from "./frame-queue.ts";

test("frames come out in order, whether they were pushed before or while somebody waits", async () => {
  const queue = createFrameQueue<number>();
  queue.push(1);
  queue.push(2);
  const taken: number[] = [];
  const reading = (async () => {
    for await (const frame of queue) taken.push(frame);
  })();
  await Promise.resolve();
  queue.push(3);
  queue.end();
  await reading;
  expect(taken).toEqual([1, 2, 3]);
});

test("what was pushed before the end is still taken, what comes after it is not", async () => {
  const queue = createFrameQueue<number>();
  queue.push(1);
  queue.end();
  queue.push(2);
  const taken: number[] = [];
  for await (const frame of queue) taken.push(frame);
  expect(taken).toEqual([1]);
});
