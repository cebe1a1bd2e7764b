import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  LinkHelloSchema,
  LinkItemSchema,
  LinkRefusalReason,
  LinkRefusalSchema,
  LinkRequestSchema,
  LinkResponseSchema,
  LinkWelcomeSchema,
  NodeCallResultSchema,
  NodeCallSchema,
} from "../../gen/parley/mesh/v1/link_pb.ts";
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from "./link-frames.ts";

const number = fc.maxSafeNat();
const body = fc.uint8Array({ maxLength: 50 }).map((bytes) => new Uint8Array(bytes));
const text = fc.string({ maxLength: 20 });
const seen = fc.uint8Array({ maxLength: 30 }).map((value) =>
  create(LinkItemSchema, {
    kind: { case: "broadcast", value: { name: "x", body: new Uint8Array(value) } },
  }),
);

const request = fc.record({
  hello: fc.option(fc.record({ nodeId: text, incarnation: text, epoch: fc.bigInt({ min: 0n, max: 9n }) }), {
    nil: undefined,
  }),
  firstItemSeq: number,
  items: fc.array(seen, { maxLength: 70 }),
  hints: fc.array(seen, { maxLength: 5 }),
  calls: fc.array(fc.record({ id: fc.bigInt({ min: 0n, max: 99n }), name: text, body, timeoutMs: fc.nat() })),
  ping: number,
});

const response = fc.record({
  welcome: fc.option(fc.record({ protocol: fc.nat(), received: fc.bigInt({ min: 0n, max: 9n }) }), {
    nil: undefined,
  }),
  ack: number,
  results: fc.array(
    fc.record({
      id: fc.bigInt({ min: 0n, max: 99n }),
      outcome: fc.oneof(
        fc.record({ case: fc.constant("body" as const), value: body }),
        fc.record({ case: fc.constant("failed" as const), value: text }),
      ),
    }),
  ),
  pong: number,
  refusal: fc.option(fc.record({ reason: fc.constant(LinkRefusalReason.PROTOCOL), message: text }), {
    nil: undefined,
  }),
});

const unknown = [
  { no: 60, wireType: WireType.Varint, data: new Uint8Array([5]) },
  { no: 61, wireType: WireType.LengthDelimited, data: new Uint8Array([2, 7, 7]) },
];

test("a request is written and read as generated code does it", () => {
  fc.assert(
    fc.property(request, ({ hello, firstItemSeq, items, hints, calls, ping }) => {
      const init: MessageInitShape<typeof LinkRequestSchema> = { items, hints, calls };
      if (hello !== undefined) init.hello = hello;
      const message = create(LinkRequestSchema, {
        ...init,
        firstItemSeq: BigInt(firstItemSeq),
        ping: BigInt(ping),
      });
      const frame = {
        hello: hello && create(LinkHelloSchema, hello),
        firstItemSeq,
        items: items.map((item) => toBinary(LinkItemSchema, item)),
        hints: hints.map((hint) => toBinary(LinkItemSchema, hint)),
        calls: calls.map((call) => create(NodeCallSchema, call)),
        ping,
      };
      const bytes = encodeRequest(frame);
      expect(bytes).toEqual(new Uint8Array(toBinary(LinkRequestSchema, message)));
      expect(fromBinary(LinkRequestSchema, bytes)).toEqual(message);
      message.$unknown = unknown;
      expect(decodeRequest(toBinary(LinkRequestSchema, message))).toEqual(frame);
    }),
  );
});

test("a response is written and read as generated code does it", () => {
  fc.assert(
    fc.property(response, ({ welcome, ack, results, pong, refusal }) => {
      const init: MessageInitShape<typeof LinkResponseSchema> = { results };
      if (welcome !== undefined) init.welcome = welcome;
      if (refusal !== undefined) init.refusal = refusal;
      const message = create(LinkResponseSchema, { ...init, ack: BigInt(ack), pong: BigInt(pong) });
      const frame = {
        welcome: welcome && create(LinkWelcomeSchema, welcome),
        ack,
        results: results.map((result) => create(NodeCallResultSchema, result)),
        pong,
        refusal: refusal && create(LinkRefusalSchema, refusal),
      };
      const bytes = encodeResponse(frame);
      expect(bytes).toEqual(new Uint8Array(toBinary(LinkResponseSchema, message)));
      expect(fromBinary(LinkResponseSchema, bytes)).toEqual(message);
      message.$unknown = unknown;
      expect(decodeResponse(toBinary(LinkResponseSchema, message))).toEqual(frame);
    }),
  );
});

test("an empty frame is an empty message, and a frame that is cut short is refused", () => {
  expect(encodeRequest({})).toEqual(new Uint8Array());
  expect(decodeResponse(new Uint8Array())).toMatchObject({ ack: 0, pong: 0, results: [] });
  const frame = encodeRequest({ firstItemSeq: 1, items: [new Uint8Array(20)], ping: 3 });
  expect(() => decodeRequest(frame.subarray(0, 10))).toThrow("premature EOF");
});
