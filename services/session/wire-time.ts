import { create } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";

/** The largest number of milliseconds that a Timestamp can say (the end of the year 9999). */
const timestampMsMax = 253_402_300_799_999;

/** A span of milliseconds, rounded to whole ones. */
export function durationOf(ms: number): Duration {
  const whole = Math.round(ms);
  return create(DurationSchema, {
    seconds: BigInt(Math.floor(whole / 1000)),
    nanos: (whole % 1000) * 1_000_000,
  });
}

/** Milliseconds of a span. Far beyond any bound it is inexact, which no caller minds. */
export function durationMs(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1_000_000;
}

/** A moment, from wall milliseconds. */
export function timestampOf(wallMs: number): Timestamp {
  return timestampFromMs(Math.min(Math.round(wallMs), timestampMsMax));
}
