import { expect, test } from "vitest";
import type { SendRecord } from "../../history/history.ts";
import { Deliveries } from "./deliveries.ts";

function send(endedMs: number | undefined, beganMs = 0): SendRecord {
  return {
    senderId: "a",
    deviceId: "d",
    conversationId: "c",
    clientMessageId: "m",
    text: "t",
    way: "unary",
    beganMs,
    tries: 1,
    outcome:
      endedMs === undefined ? { kind: "open" } : { kind: "acknowledged", seq: 1n, entryId: "e", endedMs },
  };
}

const entry = { conversationId: "c", seq: 1n };

test("the delay runs from the acknowledgement to each device, and is 0 for one that was first", () => {
  const deliveries = new Deliveries();
  deliveries.note(entry);
  deliveries.note(entry);
  const now = performance.now();
  expect(deliveries.delaysMs([send(now + 1_000)])).toEqual([0, 0]);
  const [one = 0, other = 0] = deliveries.delaysMs([send(now - 1_000)]);
  expect(Math.min(one, other)).toBeGreaterThan(900);
});

test("a send without an acknowledgement, and one that no device stored, has no delay", () => {
  const deliveries = new Deliveries();
  expect(deliveries.delaysMs([send(1)])).toEqual([]);
  deliveries.note(entry);
  expect(deliveries.delaysMs([send(undefined)])).toEqual([]);
});

test("the last device is known only when all have stored all", () => {
  const deliveries = new Deliveries();
  const now = performance.now();
  deliveries.note(entry);
  expect(deliveries.lastMs([send(now, now)], 2)).toBeUndefined();
  deliveries.note(entry);
  const [last = -1] = deliveries.lastMs([send(now, now)], 2) ?? [];
  expect(last).toBeGreaterThanOrEqual(0);
  expect(last).toBeLessThan(60_000);
});
