import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { NodeCallResultSchema } from "../../gen/parley/mesh/v1/link_pb.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { CallTable } from "./call-table.ts";

const limits = { bodyBytesMax: 100, callsPendingMax: 3, callBytesWaitingMax: 150 };

function tableOf(): { readonly clock: FakeClock; readonly table: CallTable } {
  const clock = new FakeClock();
  return { clock, table: new CallTable(clock, limits) };
}

const call = (bytes: number, timeoutMs = 1_000) => ({ name: "echo", body: new Uint8Array(bytes), timeoutMs });

test("a call ends by its answer, and its timer with it", async () => {
  const { clock, table } = tableOf();
  const outcome = table.open(call(10));
  const [sent] = table.takeUnsent(10, 1_000);
  expect(sent).toMatchObject({ id: 1n, name: "echo", timeoutMs: 1_000 });
  const value = new Uint8Array([7]);
  table.answer(create(NodeCallResultSchema, { id: 1n, outcome: { case: "body", value } }));
  expect(await outcome).toEqual({ kind: "answered", body: value });
  expect(clock.pendingTimers).toBe(0);
  table.answer(create(NodeCallResultSchema, { id: 1n, outcome: { case: "failed", value: "again" } }));
});

test("an answer without an outcome that this version knows is a failure", async () => {
  const { table } = tableOf();
  const outcome = table.open(call(1));
  table.answer(create(NodeCallResultSchema, { id: 1n }));
  expect(await outcome).toMatchObject({ kind: "failed" });
});

test("a call whose time runs out before it was sent is not sent any more", async () => {
  const { clock, table } = tableOf();
  const outcome = table.open(call(100, 20));
  await clock.advance(20);
  expect(await outcome).toMatchObject({ kind: "lost" });
  expect(table.hasUnsent).toBe(false);
  expect(table.takeUnsent(10, 1_000)).toEqual([]);
});

test("when the stream ends all calls are lost, sent or not", async () => {
  const { clock, table } = tableOf();
  const outcomes = [table.open(call(1)), table.open(call(1))];
  table.takeUnsent(1, 1_000);
  table.lose("it broke");
  expect(await Promise.all(outcomes)).toEqual([
    { kind: "lost", message: "it broke" },
    { kind: "lost", message: "it broke" },
  ]);
  expect([table.hasUnsent, clock.pendingTimers]).toEqual([false, 0]);
});

test("too many calls, too many bytes, and too large a call fail at once", async () => {
  const { table } = tableOf();
  expect(await table.open(call(101))).toMatchObject({ kind: "failed" });
  void table.open(call(100));
  expect(await table.open(call(51))).toMatchObject({
    kind: "failed",
    message: expect.stringContaining("150 bytes"),
  });
  table.takeUnsent(10, 1_000);
  void table.open(call(100));
  void table.open(call(50));
  expect(await table.open(call(0))).toMatchObject({
    kind: "failed",
    message: expect.stringContaining("3 wait"),
  });
});

test("calls are taken in order, so many and so large together, but one at least", () => {
  const { table } = tableOf();
  for (const bytes of [60, 20, 20]) void table.open(call(bytes));
  expect(table.takeUnsent(10, 30).map(({ id }) => id)).toEqual([1n]);
  expect(table.takeUnsent(1, 30).map(({ id }) => id)).toEqual([2n]);
  expect(table.takeUnsent(10, 30).map(({ id }) => id)).toEqual([3n]);
});

test("a fraction of a millisecond is rounded up on the wire", () => {
  const { table } = tableOf();
  void table.open(call(1, 0.2));
  expect(table.takeUnsent(1, 10)[0]?.timeoutMs).toBe(1);
});
