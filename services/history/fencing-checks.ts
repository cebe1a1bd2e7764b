import { type Finding, startFinding } from "./finding.ts";
import type { SendRecord, StreamHistory, StreamRecord } from "./history.ts";

/**
 * How long a superseded stream may go on when nothing is in the way, in milliseconds: a notice that was lost is said again
 * with the next heartbeat of the newer stream, 15 s in tests, and has to travel.
 */
export const supersededMsMax = 20_000;

/** A stream whose generation the device knows. */
interface OpenedStream extends StreamRecord {
  opened: NonNullable<StreamRecord["opened"]>;
}

/** An attach that began when another of its device was known to be open has a higher generation, and none has it twice. */
export function checkGenerationsRise(records: readonly StreamRecord[]): Finding {
  const finding = startFinding("generations rise");
  for (const [deviceId, streams] of openedByDevice(records)) {
    for (const stream of streams) {
      finding.examine();
      const { generation } = stream.opened;
      const wrong = streams.find(
        (other) =>
          other !== stream &&
          (other.opened.generation === generation ||
            (other.opened.heardMs < stream.beganMs && other.opened.generation > generation)),
      );
      if (wrong !== undefined)
        finding.violate(
          `${deviceId} was given ${generation} at ${stream.place}, and ${wrong.opened.generation} at ${wrong.place} before`,
        );
    }
  }
  return finding.finish();
}

/**
 * A stream that was closed as superseded has been: by a newer one, or by a try of which the device never heard and which may
 * be newer. Such a try supersedes one stream at most.
 */
export function checkNotClosedByOlder(records: readonly StreamRecord[]): Finding {
  const finding = startFinding("no older stream closes a newer one");
  for (const [deviceId, streams] of openedByDevice(records)) {
    const unheard = records.filter(
      (one) => one.deviceId === deviceId && one.opened === undefined && !one.isRefused,
    );
    for (const stream of streams.toSorted(byClose)) {
      const { opened, closed, place, ordinal } = stream;
      if (closed?.reason !== "SUPERSEDED") continue;
      finding.examine();
      const isBefore = ({ beganMs }: StreamRecord): boolean => beganMs < closed.heardMs;
      if (streams.some((one) => isNewer(one, stream) && isBefore(one))) continue;
      const mayBeNewer = (one: StreamRecord): boolean => ordinal === 0n || one.ordinal > ordinal;
      const unheardAt = unheard.findIndex((one) => isBefore(one) && mayBeNewer(one));
      if (unheardAt === -1)
        finding.violate(
          `${deviceId} was superseded at ${place} in generation ${opened.generation}, by nothing newer`,
        );
      else unheard.splice(unheardAt, 1);
    }
  }
  return finding.finish();
}

/**
 * A stream hears nothing of what was sent after its device had heard of a newer one that the same node opened later: a node
 * knows at once what it opens itself, and forgets what has ended before.
 */
export function checkNothingNewHeard(
  records: readonly StreamRecord[],
  sends: readonly SendRecord[],
): Finding {
  const finding = startFinding("superseded streams of the same node hear nothing new");
  const beganMs = new Map(
    sends.flatMap(({ outcome, beganMs: sentMs }) =>
      outcome.kind === "acknowledged" ? [[outcome.entryId, sentMs] as const] : [],
    ),
  );
  for (const [deviceId, streams] of openedByDevice(records)) {
    for (const stream of streams) {
      const newerMs = supersededMs(
        stream,
        streams.filter(
          ({ place, opened }) => place === stream.place && opened.generation > stream.opened.generation,
        ),
      );
      if (stream.leftMs === undefined || newerMs === undefined) continue;
      finding.examine();
      const lastMs = stream.lastHeardMs ?? 0;
      for (const { conversationId, seq, entryId } of stream.heardLate) {
        const sentMs = beganMs.get(entryId);
        // What was sent after the last word of the stream is another entry, which was given the same id by a restored store.
        if (sentMs !== undefined && sentMs > newerMs && sentMs <= lastMs)
          finding.violate(
            `${deviceId} heard ${conversationId} ${seq} in generation ${stream.opened.generation} at ${stream.place}`,
          );
      }
    }
  }
  return finding.finish();
}

/** Wherever it is, a superseded stream hears nothing at all once it had `supersededMsMax` of calm to end in. */
export function checkSupersededSilent({ records, calmFromMs }: StreamHistory): Finding {
  const finding = startFinding("superseded streams end");
  for (const [deviceId, streams] of openedByDevice(records)) {
    for (const stream of streams) {
      const newerMs = supersededMs(stream, streams);
      if (stream.leftMs === undefined || newerMs === undefined) continue;
      finding.examine();
      const lateMs = (stream.lastHeardMs ?? 0) - Math.max(newerMs, calmFromMs);
      if (lateMs > supersededMsMax)
        finding.violate(
          `${deviceId} in generation ${stream.opened.generation} at ${stream.place} heard something ${Math.round(lateMs)} ms later`,
        );
    }
  }
  return finding.finish();
}

/** Of two streams of one device: as it numbered them, else as the store did. */
function isNewer(one: OpenedStream, other: OpenedStream): boolean {
  if (one.ordinal !== other.ordinal) return one.ordinal > other.ordinal;
  return one.opened.generation > other.opened.generation;
}

/** When the device first heard of a newer stream. */
function supersededMs(stream: OpenedStream, streams: readonly OpenedStream[]): number | undefined {
  const newer = streams.filter((one) => isNewer(one, stream));
  return newer.length === 0 ? undefined : Math.min(...newer.map((one) => one.opened.heardMs));
}

function openedByDevice(records: readonly StreamRecord[]): ReadonlyMap<string, OpenedStream[]> {
  return Map.groupBy(records.filter(isOpened), ({ deviceId }) => deviceId);
}

function isOpened(record: StreamRecord): record is OpenedStream {
  return record.opened !== undefined;
}

function byClose(one: StreamRecord, other: StreamRecord): number {
  return (one.closed?.heardMs ?? 0) - (other.closed?.heardMs ?? 0);
}
