import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import {
  type SendMessageRequest,
  SendMessageRequestSchema,
} from "../../gen/parley/message/v1/message_service_pb.ts";
import { type SendResult, SendResultSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { FakeClock } from "./fake-clock.ts";
import { StreamSends } from "./stream-sends.ts";

const conversationId = "d-1-2";

/** What a refusal asks for; half as much again is added by chance. */
const retryDelayMs = 100;

/** A stream that writes down what was said. */
function harness() {
  const said: { readonly id: string; readonly retry: boolean }[] = [];
  const clock = new FakeClock();
  const sends = new StreamSends({ after: (ms, callback) => clock.after(ms, callback), fraction: () => 0.5 });
  const attach = (): void =>
    sends.attached(({ clientMessageId, retry }: SendMessageRequest) =>
      said.push({ id: clientMessageId, retry }),
    );
  const send = (clientMessageId: string, conversation = conversationId) =>
    sends.send(
      create(SendMessageRequestSchema, { conversationId: conversation, clientMessageId }),
      () => undefined,
    );
  const take = (): string[] => said.splice(0).map(({ id, retry }) => (retry ? `${id} again` : id));
  return { clock, sends, attach, send, take };
}

function committed(clientMessageId: string, seq: bigint): SendResult {
  const value = { position: { conversationId, seq }, entryId: `e${seq}` };
  return create(SendResultSchema, { conversationId, clientMessageId, outcome: { case: "committed", value } });
}

function failed(clientMessageId: string, reason: ErrorReason, retry: boolean): SendResult {
  const value = { reason, ...(retry && { retryDelay: durationFromMs(retryDelayMs) }) };
  return create(SendResultSchema, { conversationId, clientMessageId, outcome: { case: "failed", value } });
}

describe("StreamSends", () => {
  test("sends as soon as a stream is open, and settles by the answer", async () => {
    const { sends, attach, send, take } = harness();
    const settled = send("a");
    expect(take()).toEqual([]);
    attach();
    expect(take()).toEqual(["a"]);
    sends.result(committed("a", 1n));
    expect(await settled).toEqual({ kind: "acknowledged", seq: 1n, entryId: "e1" });
    expect([sends.unsettled, sends.inFlight]).toEqual([0, 0]);
  });

  test("sends everything unsettled again on a new stream, in the old order and marked as repeated", () => {
    const { sends, attach, send, take } = harness();
    attach();
    for (const id of ["a", "b", "c"]) void send(id);
    expect(take()).toEqual(["a", "b", "c"]);
    sends.result(committed("b", 2n));
    sends.detached();
    void send("d");
    attach();
    expect(take()).toEqual(["a again", "c again", "d"]);
  });

  test("after a refusal waits until all are answered, then repeats from the refused one on, before newer ones", async () => {
    const { clock, sends, attach, send, take } = harness();
    attach();
    for (const id of ["a", "b", "c"]) void send(id);
    take();
    sends.result(committed("a", 1n));
    sends.result(failed("b", ErrorReason.OUTCOME_UNKNOWN, true));
    void send("d");
    expect(take()).toEqual([]);
    sends.result(failed("c", ErrorReason.EARLIER_SEND_UNSETTLED, true));
    await clock.advance(retryDelayMs);
    expect(take()).toEqual([]);
    await clock.advance(retryDelayMs);
    expect(take()).toEqual(["b again", "c again", "d"]);
  });

  test("a refusal in one conversation holds no other one back", () => {
    const { sends, attach, send, take } = harness();
    attach();
    void send("a");
    sends.result(failed("a", ErrorReason.STORE_UNAVAILABLE, true));
    void send("b", "d-1-3");
    expect(take()).toEqual(["a", "b"]);
    sends.detached();
  });

  test("a rejection is final", async () => {
    const { sends, attach, send } = harness();
    attach();
    const settled = send("a");
    sends.result(failed("a", ErrorReason.NOT_A_MEMBER, false));
    expect(await settled).toEqual({ kind: "rejected", reason: "NOT_A_MEMBER" });
  });

  test("keeps fewer unanswered than those at which a node stops reading, and goes on in order", () => {
    const { sends, attach, send, take } = harness();
    attach();
    for (let index = 0; index < 100; index += 1) void send(`m${index}`);
    const first = take();
    expect(first.length).toBeLessThan(64);
    sends.result(committed("m0", 1n));
    expect(take()).toEqual([`m${first.length}`]);
    sends.detached();
  });
});
