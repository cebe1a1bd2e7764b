import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ErrorReason, StatusCode } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { AppendCommandSchema, AppendResultSchema } from "../../gen/parley/mesh/v1/append_pb.ts";
import { type Content, ContentSchema } from "../../gen/parley/message/v1/content_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { statusOfFault } from "../rpc/error-mapper.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import type { AppendBody, AppendCommand, AppendResult } from "./append-command.ts";
import { conflict, draining, outcomeUnknown, overloaded } from "./append-results.ts";
import { createAppendWire } from "./append-wire.ts";
import { contentProblem } from "./content-rules.ts";
import { failureOf } from "./failure-wire.ts";
import { alice, bob, command, createAppendWorld, text, uuid } from "./fixtures/append-world.ts";

const words = fc.string({ unit: "grapheme", maxLength: 40 });
const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const bytes = fc.uint8Array({ maxLength: 40 });

const contents: fc.Arbitrary<Content> = fc
  .record({
    kind: fc.oneof(
      fc.record({ case: fc.constant("text" as const), value: fc.record({ text: words }) }),
      fc.record({
        case: fc.constant("image" as const),
        value: fc.record({ data: bytes, mediaType: words, width: uint32 }),
      }),
      fc.record({
        case: fc.constant("voiceClip" as const),
        value: fc.record({ data: bytes, duration: fc.nat().map(durationFromMs) }),
      }),
      fc.record({ case: fc.constant("custom" as const), value: fc.record({ payload: bytes }) }),
      fc.constant({ case: undefined }),
    ),
    replyToSeq: uint64,
    mentions: fc.array(fc.record({ accountId: words }), { maxLength: 3 }),
  })
  .map((content) => create(ContentSchema, content));

const bodies: fc.Arbitrary<AppendBody> = fc.oneof(
  fc.record({ kind: fc.constant("message" as const), content: contents }),
  fc.record({
    kind: fc.constant("createGroup" as const),
    name: words,
    memberIds: fc.array(name, { maxLength: 5 }),
  }),
  fc.record({ kind: fc.constant("addMembers" as const), accountIds: fc.array(name, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant("removeMember" as const), accountId: name }),
  fc.constant({ kind: "leaveGroup" as const }),
);

const orders = fc.record({ stream: name, sendEpoch: uint32, n: fc.integer({ min: 1, max: 2 ** 32 - 1 }) });

const commands: fc.Arbitrary<AppendCommand> = fc.record({
  conversationId: name,
  senderId: name,
  senderDeviceId: words,
  clientMessageId: name,
  body: bodies,
  retry: fc.boolean(),
  expireMs: fc.integer({ min: -1_000_000, max: 1_000_000 }),
  order: fc.option(orders, { nil: undefined }),
});

const reasons = Object.values(ErrorReason).filter((reason) => reason !== ErrorReason.UNSPECIFIED);

const faults: fc.Arbitrary<Fault> = fc
  .record({
    reason: fc.constantFrom(...reasons.filter((reason) => reason !== ErrorReason.INVALID_FIELD)),
    message: words,
    metadata: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}_[a-z]{1,8}$/), words, { maxKeys: 8 }),
    retryDelayMs: fc.option(fc.nat(), { nil: undefined }),
  })
  .map(({ reason, message, metadata, retryDelayMs }) => {
    return new Fault(reason, message, {
      metadata,
      ...(retryDelayMs === undefined ? {} : { retryDelayMs }),
    });
  });

const results: fc.Arbitrary<AppendResult> = fc.oneof(
  fc
    .record({
      conversationId: name,
      epoch: uint64,
      seq: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
      messageOrdinal: uint64,
      entryId: name,
      createTimeMs: fc.nat({ max: Date.UTC(9999, 11, 31) }),
    })
    .map((committed): AppendResult => ({ kind: "committed", committed })),
  faults.map((fault): AppendResult => ({ kind: "failed", fault })),
  fc.constant<AppendResult>({ kind: "moved" }),
);

type Outcome = NonNullable<MessageInitShape<typeof AppendResultSchema>["outcome"]>;

/** What a client can hear of a result; two faults that look alike here are alike to everybody. */
function heard(result: AppendResult): unknown {
  if (result.kind !== "failed") return result;
  const { reason, message, metadata, retryDelayMs } = result.fault;
  return { reason, message, metadata, retryDelayMs };
}

describe("the wire of appends", () => {
  test("gives every command back as it was, except for its deadline", () => {
    const wire = createAppendWire(new FakeClock());
    fc.assert(
      fc.property(commands, (given) => {
        const read = wire.decode(wire.encode(given), Number.MAX_SAFE_INTEGER);
        expect({ ...read, expireMs: 0 }).toEqual({ ...given, expireMs: 0 });
      }),
    );
  });

  test("gives every result back as it was, whatever the reason", () => {
    const wire = createAppendWire(new FakeClock());
    fc.assert(
      fc.property(results, (given) => {
        expect(heard(wire.decodeResult(wire.encodeResult(given)))).toEqual(heard(given));
      }),
    );
  });

  test("keeps the digest of a body, by which a repetition on another node is recognised", async () => {
    const wire = createAppendWire(new FakeClock());
    const { digest } = await createAppendWorld();
    fc.assert(
      fc.property(commands, (given) => {
        const read = wire.decode(wire.encode(given), 0);
        expect(digest(read.body)).toEqual(digest(given.body));
      }),
    );
  });

  test("sends the time that is left, in the receiver's own time and never more than the call has", () => {
    const sender = new FakeClock({ monotonicMs: 50_000 });
    const receiver = createAppendWire(new FakeClock({ monotonicMs: 7 }));
    const wire = createAppendWire(sender);
    const given = command(
      { conversationId: "g-1", senderId: alice, clientMessageId: uuid(1), body: text("hi") },
      { expireMs: 53_000.9 },
    );
    expect(wire.leftMs(given)).toBeCloseTo(3_000.9);
    expect(receiver.decode(wire.encode(given), 60_000).expireMs).toBe(3_007);
    expect(receiver.decode(wire.encode(given), 2_500).expireMs).toBe(2_500);
    // A deadline that has passed is told as none left, and one without end as the longest that fits.
    const late = { ...given, expireMs: 49_000 };
    expect(receiver.decode(wire.encode(late), 60_000).expireMs).toBe(7);
    const endless = { ...given, expireMs: Number.POSITIVE_INFINITY };
    expect(receiver.decode(wire.encode(endless), 60_000).expireMs).toBe(60_000);
  });

  test("says for the results of the append core what its own node would have said, details included", () => {
    const wire = createAppendWire(new FakeClock());
    const given = command({
      conversationId: "g-1",
      senderId: bob,
      clientMessageId: uuid(1),
      body: text("x"),
    });
    const badDuration = create(ContentSchema, {
      kind: { case: "voiceClip", value: { duration: { nanos: -1 } } },
    });
    const told = [
      draining(),
      outcomeUnknown(new Error("for the log only")),
      overloaded("waiting_commands", "Too many commands wait; try again later"),
      conflict(given, undefined),
      contentProblem(badDuration),
    ].filter((fault) => fault !== undefined);
    expect(told).toHaveLength(5);
    for (const fault of told) {
      const read = wire.decodeResult(wire.encodeResult({ kind: "failed", fault }));
      if (read.kind !== "failed") throw new Error("expected a failure");
      const [own, other] = [statusOfFault(fault), statusOfFault(read.fault)];
      expect([other.code, other.rawMessage, other.details]).toEqual([own.code, own.rawMessage, own.details]);
    }
  });

  test("states the code of each reason, for readers that know it by its code only", () => {
    expect(failureOf(draining()).code).toBe(StatusCode.UNAVAILABLE);
    for (const reason of reasons) expect(failureOf(new Fault(reason, "")).code).toBeGreaterThan(0);
  });

  test("refuses what is no command", () => {
    const wire = createAppendWire(new FakeClock());
    const whole = {
      conversationId: "g-1",
      senderId: alice,
      clientMessageId: uuid(1),
      body: { case: "leaveGroup", value: true },
    } as const;
    const encode = (changes: object): Uint8Array =>
      toBinary(AppendCommandSchema, create(AppendCommandSchema, { ...whole, ...changes }));
    expect(wire.decode(encode({}), 1).body).toEqual({ kind: "leaveGroup" });
    for (const changes of [
      { conversationId: "" },
      { senderId: "" },
      { clientMessageId: "" },
      { body: { case: undefined } },
      { order: { stream: "", n: 1 } },
      { order: { stream: "s", n: 0 } },
    ]) {
      expect(() => wire.decode(encode(changes), 1)).toThrow(/of an append lacks/);
    }
    expect(() => wire.decode(Uint8Array.of(0xff, 0xff), 1)).toThrow(RangeError);
    expect(() => wire.decode(encode({}).subarray(0, -1), 1)).toThrow(RangeError);
  });

  test("refuses what is no result, a reason that this node does not know included", () => {
    const wire = createAppendWire(new FakeClock());
    const encode = (outcome: Outcome): Uint8Array =>
      toBinary(AppendResultSchema, create(AppendResultSchema, { outcome }));
    const broken: readonly Outcome[] = [
      { case: undefined },
      { case: "failed", value: {} },
      { case: "committed", value: {} },
      { case: "committed", value: { position: { seq: 1n } } },
      { case: "committed", value: { position: {}, createTime: {} } },
    ];
    for (const outcome of broken) {
      expect(() => wire.decodeResult(encode(outcome))).toThrow(/of an append lacks/);
    }
    const reason999999 = Uint8Array.of(0x12, 4, 0x08, 0xbf, 0x84, 0x3d);
    expect(() => wire.decodeResult(reason999999)).toThrow(/reason of an append lacks/);
    expect(() => wire.decodeResult(Uint8Array.of(0xff))).toThrow(RangeError);
  });
});
