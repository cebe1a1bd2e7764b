import { randomUUID } from "node:crypto";
import { create, fromJson } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { SendMessageRequestSchema } from "../../../gen/parley/message/v1/message_service_pb.ts";
import {
  ClientFrameSchema,
  OpenSchema,
  PositionsSchema,
  type SendResult,
} from "../../../gen/parley/session/v1/session_pb.ts";
import { encodeEnvelope } from "../harness/envelope.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";
import { directConversation, type Person, register } from "../json-client.ts";
import { brokenRequests } from "./broken-requests.ts";
import { whatIsWrong } from "./healthy.ts";
import { RawStream } from "./raw-stream.ts";

let node: ParleyProcess;
let person: Person;
let peer: Person;

beforeAll(async () => {
  node = await startParley({ flags: loadFlags });
  person = await register(node.publicUrl, "somebody");
  peer = await register(node.publicUrl, "peer");
});

afterAll(() => node[Symbol.asyncDispose]());

function attach(): RawStream {
  return new RawStream(node.publicUrl, person.token);
}

async function attachOpened(): Promise<RawStream> {
  const stream = attach();
  stream.say({ case: "open", value: create(OpenSchema) });
  await stream.opened();
  return stream;
}

function textMessage(text: string, conversationId = directConversation(person.accountId, peer.accountId)) {
  const content = { kind: { case: "text", value: { text } } } as const;
  return create(SendMessageRequestSchema, { conversationId, clientMessageId: randomUUID(), content });
}

/** The answer to a send, by its id as it was sent. */
function resultOf(stream: RawStream, clientMessageId: string): Promise<SendResult> {
  return stream.heard(`the result of ${clientMessageId}`, ({ results }) =>
    results.find((result) => result.clientMessageId === clientMessageId),
  );
}

describe("before a stream is open", () => {
  test("a first frame of garbage is refused with MALFORMED_REQUEST", async () => {
    using stream = attach();
    stream.sayBytes(encodeEnvelope(Buffer.from("0aff01", "hex")));
    expect(await stream.closedAs()).toBe("INVALID_ARGUMENT MALFORMED_REQUEST");
  });

  test("an envelope longer than a request may be is refused with REQUEST_TOO_LARGE", async () => {
    using stream = attach();
    stream.sayBytes(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 0]));
    expect(await stream.closedAs()).toBe("RESOURCE_EXHAUSTED REQUEST_TOO_LARGE");
  });

  test("a first frame that is not open is refused with OPEN_MISSING", async () => {
    using stream = attach();
    stream.say({ case: "ping", value: 1n });
    expect(await stream.closedAs()).toBe("INVALID_ARGUMENT OPEN_MISSING");
  });

  test("silence is refused with OPEN_MISSING after 5 s", async () => {
    using stream = attach();
    const startMs = performance.now();
    expect(await stream.closedAs()).toBe("INVALID_ARGUMENT OPEN_MISSING");
    expect(performance.now() - startMs).toBeGreaterThan(4_000);
  });
});

describe("on an open stream", () => {
  const brokenFrames = brokenRequests(ClientFrameSchema)
    .filter(({ field }) => !field.startsWith("open."))
    .map((broken) => ({ ...broken, name: `${broken.field} against ${broken.rule}` }));

  test.each(brokenFrames)("$name closes it with PROTOCOL_VIOLATION", async ({ request }) => {
    using stream = await attachOpened();
    stream.sayFrame(fromJson(ClientFrameSchema, request));
    expect(await stream.closedAs()).toBe("PROTOCOL_VIOLATION");
    expect(stream.end?.code).toBe("OK");
  });

  test("an acknowledgement of what was never sent closes it with PROTOCOL_VIOLATION", async () => {
    using stream = await attachOpened();
    stream.say({ case: "ack", value: 1_000_000n });
    expect(await stream.closedAs()).toBe("PROTOCOL_VIOLATION");
  });

  test("a second open closes it with PROTOCOL_VIOLATION", async () => {
    using stream = await attachOpened();
    stream.say({ case: "open", value: create(OpenSchema) });
    expect(await stream.closedAs()).toBe("PROTOCOL_VIOLATION");
  });

  test("positions after the last ones close it with PROTOCOL_VIOLATION", async () => {
    using stream = await attachOpened();
    stream.say({ case: "positions", value: create(PositionsSchema) });
    expect(await stream.closedAs()).toBe("PROTOCOL_VIOLATION");
  });

  test("garbage ends it, and what the node said before has arrived", async () => {
    using stream = await attachOpened();
    stream.sayBytes(encodeEnvelope(Buffer.from("0aff01", "hex")));
    expect(["PROTOCOL_VIOLATION", "INVALID_ARGUMENT MALFORMED_REQUEST"]).toContain(await stream.closedAs());
    expect(stream.frames[0]?.control.case).toBe("opened");
  });

  test("a token of nobody in renew closes it with TOKEN_EXPIRED", async () => {
    using stream = await attachOpened();
    stream.say({ case: "renew", value: "nonsense" });
    expect(await stream.closedAs()).toBe("TOKEN_EXPIRED");
  });

  test("the token of another account in renew closes it with TOKEN_EXPIRED", async () => {
    using stream = await attachOpened();
    stream.say({ case: "renew", value: peer.token });
    expect(await stream.closedAs()).toBe("TOKEN_EXPIRED");
  });

  test("a frame of a kind that nobody knows is a sign of life and nothing else", async () => {
    using stream = await attachOpened();
    // Field 99 of ClientFrame, in field 1 of AttachRequest.
    stream.sayBytes(encodeEnvelope(Buffer.from("0a039a0600", "hex")));
    stream.say({ case: "ping", value: 7n });
    const pong = await stream.heard("a pong", ({ control }) =>
      control.case === "pong" ? control.value : undefined,
    );
    expect(pong).toBe(7n);
  });

  test("frames after the node has closed the stream are not answered and hurt nobody", async () => {
    using stream = await attachOpened();
    stream.say({ case: "ack", value: 1_000_000n });
    for (let nonce = 0n; nonce < 100n; nonce += 1n) stream.say({ case: "ping", value: nonce });
    stream.say({ case: "send", value: textMessage("too late") });
    expect(await stream.closedAs()).toBe("PROTOCOL_VIOLATION");
    expect(stream.frames.some(({ results }) => results.length > 0)).toBe(false);
  });
});

describe("positions", () => {
  const positions = (count: number) =>
    Array.from({ length: count }, () => ({ conversationId: "d-1-2", epoch: 1n, seq: 1n }));

  test("more than 1,000 in open are refused with INVALID_FIELD", async () => {
    using stream = attach();
    const value = create(OpenSchema, { positions: { positions: positions(1_001), last: true } });
    stream.say({ case: "open", value });
    expect(await stream.closedAs()).toBe("INVALID_ARGUMENT INVALID_FIELD");
  });

  test("a frame of more than 1,000 closes the stream with PROTOCOL_VIOLATION", async () => {
    using stream = attach();
    stream.say({ case: "open", value: create(OpenSchema, { positions: { positions: positions(1_000) } }) });
    stream.say({
      case: "positions",
      value: create(PositionsSchema, { positions: positions(1_001), last: true }),
    });
    expect(await stream.closedAs()).toBe("PROTOCOL_VIOLATION");
  });

  test("10,000 in all are taken, and one more closes the stream with PROTOCOL_VIOLATION", async () => {
    using stream = attach();
    stream.say({ case: "open", value: create(OpenSchema, { positions: { positions: positions(1_000) } }) });
    const more = {
      case: "positions",
      value: create(PositionsSchema, { positions: positions(1_000) }),
    } as const;
    for (let frame = 2; frame <= 10; frame += 1) stream.say(more);
    stream.say({ case: "ping", value: 1n });
    await stream.heard("a pong", ({ control }) => (control.case === "pong" ? true : undefined));
    stream.say({
      case: "positions",
      value: create(PositionsSchema, { positions: positions(1), last: true }),
    });
    expect(await stream.closedAs()).toBe("PROTOCOL_VIOLATION");
  });
});

describe("a bad send", () => {
  const brokenSends = brokenRequests(SendMessageRequestSchema)
    .filter(({ field }) => field !== "client_message_id")
    .map((broken) => ({ ...broken, name: `${broken.field} against ${broken.rule}` }));

  test("of each kind fails with INVALID_FIELD, and the stream goes on", async () => {
    using stream = await attachOpened();
    for (const { name, field, request } of brokenSends) {
      const clientMessageId = randomUUID();
      const value = fromJson(SendMessageRequestSchema, { ...request, clientMessageId });
      stream.say({ case: "send", value });
      const { outcome } = await resultOf(stream, clientMessageId);
      const failure = outcome.case === "failed" ? outcome.value : undefined;
      expect([name, failure?.reason, failure?.metadata["field"]]).toEqual([
        name,
        ErrorReason.INVALID_FIELD,
        field,
      ]);
    }
    const good = textMessage("still here");
    stream.say({ case: "send", value: good });
    expect((await resultOf(stream, good.clientMessageId)).outcome.case).toBe("committed");
  });

  test("with an id that is no UUID fails under that id", async () => {
    using stream = await attachOpened();
    const value = { ...textMessage("x"), clientMessageId: "no-uuid" };
    stream.say({ case: "send", value });
    const { outcome, conversationId } = await resultOf(stream, "no-uuid");
    expect(outcome.case === "failed" && outcome.value.reason).toBe(ErrorReason.INVALID_FIELD);
    expect(conversationId).toBe(value.conversationId);
  });

  test.each([
    {
      name: "to a conversation of others",
      id: "g-00000000000000000000000000000000",
      reason: ErrorReason.CONVERSATION_NOT_FOUND,
    },
    { name: "to an id that is none", id: "nothing", reason: ErrorReason.CONVERSATION_NOT_FOUND },
  ])("$name is a failed result", async ({ id, reason }) => {
    using stream = await attachOpened();
    const value = textMessage("x", id);
    stream.say({ case: "send", value });
    const { outcome } = await resultOf(stream, value.clientMessageId);
    expect(outcome.case === "failed" && outcome.value.reason).toBe(reason);
  });

  test("with an id that has other content is a failed result with the seq of the first", async () => {
    using stream = await attachOpened();
    const first = textMessage("first");
    stream.say({ case: "send", value: first });
    expect((await resultOf(stream, first.clientMessageId)).outcome.case).toBe("committed");
    stream.frames.length = 0;
    stream.say({ case: "send", value: { ...textMessage("second"), clientMessageId: first.clientMessageId } });
    const { outcome } = await resultOf(stream, first.clientMessageId);
    const failure = outcome.case === "failed" ? outcome.value : undefined;
    expect(failure?.reason).toBe(ErrorReason.CLIENT_MESSAGE_ID_CONFLICT);
    expect(failure?.metadata["seq"]).toMatch(/^\d+$/);
  });
});

test("afterwards the node is healthy and has met no bug", async () => {
  expect(await whatIsWrong(node)).toEqual([]);
});
