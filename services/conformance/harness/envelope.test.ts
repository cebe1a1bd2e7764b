import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EnvelopeReader, encodeEnvelope } from "./envelope.ts";

describe("EnvelopeReader", () => {
  test("gives back what was enveloped, however the bytes are chopped up", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(encodeEnvelope));
        const reader = new EnvelopeReader();
        const received: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const length = cuts[turn % cuts.length] ?? 1;
          received.push(...reader.push(bytes.subarray(at, at + length)).map(({ data }) => data));
          at += length;
        }
        expect(received.map((data) => [...data])).toEqual(sent.map((data) => [...data]));
      }),
    );
  });
});
