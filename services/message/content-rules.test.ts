import { create, toJson } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { type Content, ContentSchema } from "../../gen/parley/message/v1/content_pb.ts";
import { contentProblem } from "./content-rules.ts";

function clip(seconds: bigint, nanos: number): Content {
  const data = new Uint8Array([1]);
  const value = { data, mediaType: "audio/ogg", duration: { seconds, nanos } };
  return create(ContentSchema, { kind: { case: "voiceClip", value } });
}

// All durations are ones that the schema's own rule, 0 s to 10 min, lets through.
describe("the rules of content beyond its schema", () => {
  test.each([
    [0n, 0],
    [1n, 999_999_999],
    [600n, 0],
  ])("a recording of %d s and %d ns is taken, and JSON can write it", (seconds, nanos) => {
    const content = clip(seconds, nanos);
    expect(contentProblem(content)).toBeUndefined();
    expect(toJson(ContentSchema, content)).toHaveProperty("voiceClip.duration");
  });

  test.each([
    [1n, 1_000_000_000],
    [1n, 2_147_483_647],
    [1n, -1],
    [599n, -2_147_483_648],
  ])("a recording of %d s and %d ns is refused, because JSON cannot write it", (seconds, nanos) => {
    const content = clip(seconds, nanos);
    expect(() => toJson(ContentSchema, content)).toThrow(/duration|count/iu);
    expect(contentProblem(content)).toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      metadata: { field: "content.voice_clip.duration", rule: "duration.nanos" },
      violations: [{ field: "content.voice_clip.duration" }],
    });
  });

  test("a recording of unknown length and other kinds are taken", () => {
    const value = { data: new Uint8Array([1]), mediaType: "audio/ogg" };
    const unknown = create(ContentSchema, { kind: { case: "voiceClip", value } });
    const text = create(ContentSchema, { kind: { case: "text", value: { text: "a" } } });
    expect([unknown, text].map(contentProblem)).toEqual([undefined, undefined]);
  });
});
