import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import type { SendResult } from "../../gen/parley/session/v1/session_pb.ts";
import { reasonCodeOf } from "../rpc/reason-code.ts";
import { type Device, SessionBench } from "./fixtures/device.ts";
import { committed, failed } from "./fixtures/session-world.ts";
import { heartbeatMsDefault, idCharsMax, owedMax, sendLanesMax } from "./session-limits.ts";

const group = (index: number) => `g-${index.toString().padStart(32, "0")}`;
const uuid = (index: number) => `0b7e15b2-95a5-4b7b-9d7f-${index.toString().padStart(12, "0")}`;
const send = (index: number, conversationId = group(0), text = "hello") => ({
  case: "send" as const,
  value: {
    conversationId,
    clientMessageId: uuid(index),
    content: { kind: { case: "text" as const, value: { text } } },
  },
});
/** `index:outcome` of each result. */
const told = (results: readonly SendResult[]): string[] =>
  results.map(({ clientMessageId, outcome }) => {
    const name = outcome.case === "failed" ? reasonCodeOf(outcome.value.reason)?.name : outcome.case;
    return `${Number(clientMessageId.slice(-12))}:${name}`;
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
const settle = async (
  index: number,
  result: ReturnType<typeof failed> | "committed" | "moved",
): Promise<void> => {
  const append = bench.world.appends[index];
  if (append === undefined) throw new Error(`append ${index} was not given out`);
  if (result === "moved") append.settle({ kind: "moved" });
  else append.settle(result === "committed" ? committed(append.command, BigInt(index + 1)) : result);
  await bench.clock.settle();
};

describe("a send on a stream", () => {
  test("with ids beyond every bound fails, and echoes no more of them than an id may have", async () => {
    const value = {
      ...send(1).value,
      conversationId: "c".repeat(100_000),
      clientMessageId: "\u{1f600}".repeat(50_000),
    };
    await device.say({ case: "send", value });
    const [result] = device.outlet.results;
    expect(told([result].filter((one) => one !== undefined))[0]).toContain("INVALID_FIELD");
    expect(result?.conversationId).toBe("c".repeat(idCharsMax));
    expect(result?.clientMessageId).toBe("\u{1f600}".repeat(idCharsMax / 2));
  });

  test("becomes a command with its place in the stream, and its answer one result", async () => {
    await device.say({
      ...send(1),
      value: { ...send(1).value, clientMessageId: uuid(1).toUpperCase(), retry: true },
    });
    expect(bench.world.appends[0]?.command).toMatchObject({
      conversationId: group(0),
      senderId: "alice",
      senderDeviceId: "a1",
      clientMessageId: uuid(1),
      retry: true,
      expireMs: bench.clock.monotonicMs() + 8_000,
      order: { stream: device.session.device.sessionId, sendEpoch: 1, n: 1 },
    });
    await settle(0, "committed");
    expect(device.outlet.results).toMatchObject([
      {
        clientMessageId: uuid(1).toUpperCase(),
        conversationId: group(0),
        outcome: { case: "committed", value: { position: { seq: 1n, epoch: 1n }, messageOrdinal: 1n } },
      },
    ]);
  });

  test("that is invalid fails alone: the stream and the other sends go on", async () => {
    await device.say(send(1, group(0), ""));
    await device.say({ case: "send", value: { conversationId: group(0), clientMessageId: "no uuid" } });
    await device.say(send(3));
    await settle(0, failed(ErrorReason.NOT_A_MEMBER));
    await device.say(send(4));
    await settle(1, "committed");
    expect(device.outlet.results.map(({ outcome }) => outcome.case)).toEqual([
      "failed",
      "failed",
      "failed",
      "committed",
    ]);
    expect(device.outlet.results[1]?.clientMessageId).toBe("no uuid");
    expect(device.outlet.closed).toBeUndefined();
  });

  test("without an answer within 8 s is unknown, with those after it, until it comes again", async () => {
    await device.say(send(1));
    await device.say(send(2));
    await device.say(send(3, group(1)));
    await settle(2, "committed");
    await bench.clock.advance(8_000);
    await device.say(send(4));
    expect(told(device.outlet.results)).toEqual([
      "3:committed",
      "1:OUTCOME_UNKNOWN",
      "2:OUTCOME_UNKNOWN",
      "4:EARLIER_SEND_UNSETTLED",
    ]);
    const [, unknown] = device.outlet.results;
    expect(unknown?.outcome.case === "failed" && unknown.outcome.value.retryDelay?.seconds).toBe(1n);
    await device.say(send(1));
    expect(bench.world.appends.at(-1)?.command).toMatchObject({ retry: true, order: { n: 1 } });
  });

  test("is given out again in a new send epoch when its conversation's owner moved", async () => {
    await device.say(send(1));
    await device.say(send(2));
    await settle(0, "moved");
    await settle(1, "moved");
    expect(bench.world.appends).toHaveLength(2);
    await bench.clock.advance(500);
    const again = bench.world.appends
      .slice(2)
      .map(({ command }) => [command.clientMessageId, command.retry, command.order?.n]);
    expect(again).toEqual([
      [uuid(1), true, 1],
      [uuid(2), true, 2],
    ]);
    await settle(2, "committed");
    await settle(3, "committed");
    expect(told(device.outlet.results)).toEqual(["1:committed", "2:committed"]);
  });

  test("whose append throws is unknown and reported as a bug", async () => {
    bench.world.answer = () => {
      throw new Error("planted");
    };
    await device.say(send(1));
    expect(told(device.outlet.results)).toEqual(["1:OUTCOME_UNKNOWN"]);
    expect(bench.world.bugs).toHaveLength(1);
  });
});

describe("a stream with many sends", () => {
  test("is not read while 64 are unanswered, and is not called silent for that", async () => {
    for (let index = 0; index < owedMax; index += 1) await device.say(send(index, group(index)));
    let readable = false;
    void device.session.whenReadable().then(() => (readable = true));
    await bench.clock.settle();
    expect(readable).toBe(false);
    await settle(5, "committed");
    expect(readable).toBe(true);
  });

  test("is not read either while 64 answers wait in a full connection", async () => {
    device.outlet.block();
    for (let index = 0; index < owedMax; index += 1) await device.say({ case: "ping", value: 1n });
    let readable = false;
    void device.session.whenReadable().then(() => (readable = true));
    await bench.clock.advance(heartbeatMsDefault);
    expect(readable).toBe(false);
    device.outlet.unblock();
    await bench.clock.settle();
    expect([readable, device.outlet.controls("pong")]).toEqual([true, Array(owedMax).fill(1n)]);
  });

  test("is closed when sends to too many conversations are not settled", async () => {
    bench.world.answer = () => failed(ErrorReason.STORE_UNAVAILABLE, 1_000);
    for (let index = 0; index < sendLanesMax; index += 1) await device.say(send(index, group(index)));
    expect(device.outlet.closed).toBeUndefined();
    await device.say(send(999, group(999)));
    expect(device.outlet.closed?.reason).toBe(CloseReason.OVERLOADED);
  });
});
