import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { ClientFrameSchema, type SendResult } from "../../gen/parley/session/v1/session_pb.ts";
import { type Device, SessionBench } from "./fixtures/device.ts";
import { committed } from "./fixtures/session-world.ts";
import { submitFrames } from "./submission.ts";

const uuid = (index: number) => `0b7e15b2-95a5-4b7b-9d7f-${index.toString().padStart(12, "0")}`;
const send = (index: number, conversationId: string): MessageInitShape<typeof ClientFrameSchema> => ({
  kind: {
    case: "send",
    value: {
      conversationId,
      clientMessageId: uuid(index),
      content: { kind: { case: "text", value: { text: "hello" } } },
    },
  },
});

let bench: SessionBench;
let device: Device;
beforeEach(async () => {
  bench = new SessionBench();
  device = await bench.attach();
});
afterEach(async () => {
  await bench.world.registry.stop();
  assert.equal(bench.clock.pendingTimers, 0);
});
const submit = (...frames: MessageInitShape<typeof ClientFrameSchema>[]): Promise<SendResult[]> =>
  submitFrames(
    device.session,
    frames.map((frame) => create(ClientFrameSchema, frame)),
    { clock: bench.clock, failureOf: bench.world.parts.failureOf, signal: new AbortController().signal },
  );
const reasons = (results: readonly SendResult[]) =>
  results.map(({ outcome }) => (outcome.case === "failed" ? outcome.value.reason : outcome.case));

test("results come in the order of the sends, whatever the order of the outcomes, and not on the stream", async () => {
  const submitted = submit(send(1, "c1"), { kind: { case: "ping", value: 5n } }, send(2, "c2"));
  await bench.clock.settle();
  for (const { command, settle } of bench.world.appends.toReversed()) settle(committed(command, 1n));
  const results = await submitted;
  expect(results.map(({ clientMessageId }) => clientMessageId)).toEqual([uuid(1), uuid(2)]);
  await bench.clock.settle();
  expect([device.outlet.results, device.outlet.controls("pong")]).toEqual([[], [5n]]);
});

test("the answer does not wait longer than 10 s, nor for a session that ends", async () => {
  const late = submit(send(1, "c1"));
  await bench.clock.advance(10_000);
  expect(reasons(await late)).toEqual([ErrorReason.OUTCOME_UNKNOWN]);
  const lost = submit(send(2, "c2"), send(3, "c3"));
  await bench.clock.settle();
  device.session.close(CloseReason.OVERLOADED);
  expect(reasons(await lost)).toEqual([ErrorReason.OUTCOME_UNKNOWN, ErrorReason.OUTCOME_UNKNOWN]);
});

test("frames wait while 64 answers are owed, and none is taken after the end", async () => {
  const first = submit(...Array.from({ length: 64 }, (_, index) => send(index, `c${index}`)));
  const second = submit(send(100, "c100"));
  await bench.clock.settle();
  expect(bench.world.appends).toHaveLength(64);
  const [one] = bench.world.appends;
  one?.settle(committed(one.command, 1n));
  await bench.clock.settle();
  expect(bench.world.appends).toHaveLength(65);
  device.session.close(CloseReason.OVERLOADED);
  expect(await second).toHaveLength(1);
  expect(await first).toHaveLength(64);
});
