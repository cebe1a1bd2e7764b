import { expect, test } from "vitest";
import { visibleUntilMs } from "./change-time.ts";

const localTime = new Date(90_000);

test("a replica set shows what a majority has, however long others have waited for it", () => {
  const lastWrite = { lastWriteDate: new Date(89_000), majorityWriteDate: new Date(20_000) };
  expect(visibleUntilMs({ localTime, lastWrite })).toBe(20_000);
});

test("a single server shows everything", () => {
  expect(visibleUntilMs({ localTime })).toBe(90_000);
});

test("a reply without a time is refused", () => {
  expect(() => visibleUntilMs({ ok: 1 })).toThrow(/no time/);
});
