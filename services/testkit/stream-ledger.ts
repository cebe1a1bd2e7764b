import { CloseReasonSchema } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import type { ServerFrame } from "../../gen/parley/session/v1/session_pb.ts";
import type { StreamRecord } from "../history/history.ts";

/** Notes one stream as its device hears it. */
export interface StreamNotes {
  readonly record: StreamRecord;
  heard(frame: ServerFrame): void;
  /** A node said that it would not open it. */
  refused(): void;
  /** The device turns elsewhere, and goes on to listen. */
  left(): void;
}

/** All streams of all devices of a run, for the checkers of fencing. `nowMs`: the clock of the history. */
export class StreamLedger {
  readonly records: StreamRecord[] = [];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Call it just before the device asks for the stream. `ordinal`: as in its `open`. */
  begin(deviceId: string, place: string, ordinal: bigint): StreamNotes {
    const nowMs = this.#nowMs;
    const record: StreamRecord = {
      deviceId,
      place,
      beganMs: nowMs(),
      ordinal,
      opened: undefined,
      isRefused: false,
      closed: undefined,
      lastHeardMs: undefined,
      leftMs: undefined,
      heardLate: [],
    };
    this.records.push(record);
    return {
      record,
      refused: () => {
        record.isRefused = true;
      },
      left: () => {
        record.leftMs = nowMs();
      },
      heard: ({ control, events }) => {
        if (control.case === "closed") {
          const reason = CloseReasonSchema.value[control.value.reason]?.localName ?? "";
          record.closed = { reason, heardMs: nowMs() };
          return;
        }
        record.lastHeardMs = nowMs();
        if (control.case === "opened")
          record.opened = { generation: control.value.generation, heardMs: nowMs() };
        if (record.leftMs === undefined) return;
        for (const { kind } of events) {
          if (kind.case !== "entry") continue;
          const { conversationId, seq, entryId } = kind.value;
          record.heardLate.push({ conversationId, seq, entryId });
        }
      },
    };
  }
}

/**
 * What a device says on a stream that it has turned away from, so that the node has no reason to end it but a newer one:
 * it answers pings and acknowledges.
 */
export function answersTo({ control, events, firstDeliveryId }: ServerFrame) {
  const pongs = control.case === "ping" ? [{ case: "pong", value: control.value } as const] : [];
  if (events.length === 0) return pongs;
  return [...pongs, { case: "ack", value: firstDeliveryId + BigInt(events.length) - 1n } as const];
}
