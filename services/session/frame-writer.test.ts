import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SendResultSchema, SignalSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { AttachResponseSchema, PollResponseSchema } from "../../gen/parley/session/v1/session_service_pb.ts";
import { entryEvent } from "./fixtures/scripted-feed.ts";
import { controlFrame, type EncodedFrame, eventsFrame, fitsEventsFrame, listFrames } from "./frame-writer.ts";
import { frameBytesMax } from "./session-limits.ts";

const decode = ({ parts, bytes }: EncodedFrame) => {
  const encoded = Buffer.concat(parts);
  expect(encoded.byteLength).toBe(bytes);
  const { frame } = fromBinary(AttachResponseSchema, encoded);
  if (frame === undefined) throw new Error("the response holds no frame");
  return frame;
};

describe("frames", () => {
  test("of events say what a decoder reads back, whatever the ids", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.bigInt(1n, 2n ** 64n - 1n), fc.nat(300)), { minLength: 1, maxLength: 20 }),
        fc.bigInt(1n, 2n ** 64n - 1n),
        fc.boolean(),
        (entries, firstId, redelivered) => {
          const events = entries.map(([seq, padding]) => entryEvent("c", seq, padding).bytes);
          const frame = decode(eventsFrame(events, firstId, redelivered));
          expect(frame.firstDeliveryId).toBe(firstId);
          expect(frame.redelivered).toBe(redelivered);
          expect(frame.control.case).toBeUndefined();
          const seqs = frame.events.map(({ kind }) => (kind.case === "entry" ? kind.value.seq : 0n));
          expect(seqs).toEqual(entries.map(([seq]) => seq));
        },
      ),
    );
  });

  test("of events stay within 16 KiB unless there is only one", () => {
    expect(fitsEventsFrame(0, 65_000)).toBe(true);
    const event = entryEvent("c", 1n, 1_000).bytes;
    const events: Uint8Array[] = [];
    while (fitsEventsFrame(events.length * event.byteLength, event.byteLength)) events.push(event);
    const frame = eventsFrame(events, 2n ** 64n - 1n, true);
    const size = toBinary(
      AttachResponseSchema,
      create(AttachResponseSchema, { frame: decode(frame) }),
    ).byteLength;
    expect(size).toBe(frame.bytes);
    expect(frame.bytes).toBeLessThanOrEqual(frameBytesMax + 4);
    expect(frame.bytes + event.byteLength).toBeGreaterThan(frameBytesMax);
  });

  test("of results and signals keep all of them in order over as many frames as it takes", () => {
    const results = Array.from({ length: 100 }, (_, index) =>
      toBinary(
        SendResultSchema,
        create(SendResultSchema, { clientMessageId: `${index}`.padStart(400, "x") }),
      ),
    );
    const signal = toBinary(SignalSchema, create(SignalSchema, { kind: { case: "typing", value: {} } }));
    const frames = listFrames(results, [signal]).map(decode);
    expect(frames.length).toBeGreaterThan(2);
    const ids = frames.flatMap((frame) =>
      frame.results.map((result) => Number(result.clientMessageId.slice(-2).replace("x", ""))),
    );
    expect(ids).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(frames.at(-1)?.signals[0]?.kind.case).toBe("typing");
    expect(listFrames([], [])).toEqual([]);
  });

  test("one after another are the bytes of a PollResponse", () => {
    const frames = [
      controlFrame({ case: "ping", value: 3n }),
      eventsFrame([entryEvent("c", 7n).bytes], 1n, false),
    ];
    const poll = fromBinary(PollResponseSchema, Buffer.concat(frames.flatMap(({ parts }) => parts)));
    expect(poll.frames).toEqual(frames.map(decode));
    expect(poll.frames[0]?.control).toEqual({ case: "ping", value: 3n });
  });
});
