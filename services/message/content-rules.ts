import type { Content } from "../../gen/parley/message/v1/content_pb.ts";
import { InvalidFieldFault } from "../rpc/message-validator.ts";

/**
 * What no rule of the schema can demand: that a Duration is one. Protobuf carries any `nanos`, JSON writes only those
 * that count up from the seconds; an entry with others could never be listed by a JSON client again, and would take its
 * whole page with it. The content has passed the schema's rules. Undefined when nothing is wrong.
 */
export function contentProblem({ kind }: Content): InvalidFieldFault | undefined {
  const nanos = kind.case === "voiceClip" ? (kind.value.duration?.nanos ?? 0) : 0;
  if (nanos >= 0 && nanos <= 999_999_999) return undefined;
  const description = "nanos must be 0 to 999999999";
  return new InvalidFieldFault([
    { field: "content.voice_clip.duration", description, reason: "duration.nanos" },
  ]);
}
