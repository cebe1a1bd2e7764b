import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ClientFrameSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { AttachRequestSchema } from "../../gen/parley/session/v1/session_service_pb.ts";
import {
  ackFrame,
  numberOfClientId,
  openFrame,
  pongFrame,
  SendTemplate,
  typingFrame,
} from "./client-frames.ts";
import { EnvelopeReader, enveloped } from "./envelopes.ts";
import { readVarint, varint, walkFields } from "./wire-fields.ts";

/** The kind of frame that a real decoder finds in an envelope. */
function kindIn(envelope: Buffer) {
  const request = fromBinary(AttachRequestSchema, envelope.subarray(5));
  return request.frame?.kind;
}

describe("the frames of the load generators", () => {
  test("they are what the generated code reads", () => {
    expect(kindIn(ackFrame(300))).toEqual({ case: "ack", value: 300n });
    expect(kindIn(pongFrame(2 ** 40))).toEqual({ case: "pong", value: 2n ** 40n });
    expect(kindIn(openFrame())).toMatchObject({
      case: "open",
      value: { window: 256, positions: { positions: [], last: true } },
    });
    expect(kindIn(openFrame([{ conversationId: "d-a-b", seq: 21 }]))).toMatchObject({
      case: "open",
      value: { positions: { positions: [{ conversationId: "d-a-b", epoch: 1n, seq: 21n }], last: true } },
    });
    expect(kindIn(typingFrame("d-a-b"))).toMatchObject({
      case: "typing",
      value: { conversationId: "d-a-b", active: true },
    });
  });

  test("a send that is made again says so, and is the same otherwise", () => {
    const again = new SendTemplate("d-a-b", "text", "0000abcd", true);
    expect(kindIn(again.frame(42))).toMatchObject({
      case: "send",
      value: { retry: true, clientMessageId: "0000abcd-0000-4000-8000-000000000042" },
    });
  });

  test("each send of a template has an id of its own, from which its number is read again", () => {
    const template = new SendTemplate("d-a-b", "text", "0000abcd");
    const kind = kindIn(template.frame(42));
    expect(kind).toMatchObject({
      case: "send",
      value: {
        conversationId: "d-a-b",
        clientMessageId: "0000abcd-0000-4000-8000-000000000042",
        content: { kind: { case: "text", value: { text: "text" } } },
      },
    });
    const id = Buffer.from("0000abcd-0000-4000-8000-000000000042");
    expect(numberOfClientId(id, id.length)).toBe(42);
    expect(template.frame(43).equals(template.frame(42))).toBe(false);
  });
});

describe("envelopes", () => {
  test("messages are found again however the bytes are cut", () => {
    const messages = [Buffer.from("one"), Buffer.alloc(0), Buffer.alloc(1_000, 7)];
    const stream = Buffer.concat(messages.map(enveloped));
    for (const size of [1, 4, 7, stream.length]) {
      const reader = new EnvelopeReader();
      const found: Buffer[] = [];
      for (let start = 0; start < stream.length; start += size) {
        reader.read(stream.subarray(start, start + size), (bytes, from, to) =>
          found.push(Buffer.from(bytes.subarray(from, to))),
        );
      }
      expect(found).toEqual(messages);
    }
  });
});

describe("walking over fields", () => {
  test("numbers and bounds are those of the encoder", () => {
    const frame = {
      $typeName: "parley.session.v1.ClientFrame",
      kind: { case: "renew", value: "token" },
    } as const;
    const bytes = Buffer.from(toBinary(ClientFrameSchema, frame));
    const found: string[] = [];
    walkFields(bytes, { start: 0, end: bytes.length }, (field, start, end) =>
      found.push(`${field} ${bytes.toString("utf8", start, end)}`),
    );
    expect(found).toEqual(["7 token"]);
  });

  test("a varint of up to 53 bits is read back", () => {
    for (const value of [0, 1, 127, 128, 300, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const bytes = varint(value);
      expect(readVarint(bytes, 0)).toEqual({ value, next: bytes.length });
    }
  });

  test("a field of fixed width is refused", () => {
    expect(() => walkFields(Buffer.of(0x0d, 0, 0, 0, 0), { start: 0, end: 5 }, () => undefined)).toThrow(
      "wire type 5",
    );
  });
});
