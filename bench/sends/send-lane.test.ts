import { expect, test } from "vitest";
import { SendLane } from "./send-lane.ts";

test("sends go at once as long as none fails", () => {
  const lane = new SendLane();
  expect([lane.begin(1), lane.begin(2)]).toEqual([true, true]);
  expect([lane.end(1, false), lane.end(2, false)]).toEqual([false, false]);
  expect(lane.begin(3)).toBe(true);
});

test("after a failure everything waits until all is answered, and comes again in order", () => {
  const lane = new SendLane();
  for (const number of [1, 2, 3]) lane.begin(number);
  expect(lane.end(2, true)).toBe(false);
  expect(lane.begin(4)).toBe(false);
  expect(lane.end(1, false)).toBe(false);
  expect(lane.end(3, true)).toBe(true);
  expect(lane.repeat()).toEqual([2, 3, 4]);
});

test("what is repeated is under way: it may fail again, and others go behind it", () => {
  const lane = new SendLane();
  lane.begin(1);
  expect(lane.end(1, true)).toBe(true);
  expect(lane.repeat()).toEqual([1]);
  expect(lane.begin(2)).toBe(true);
  expect([lane.end(1, true), lane.end(2, true)]).toEqual([false, true]);
  expect(lane.repeat()).toEqual([1, 2]);
});
