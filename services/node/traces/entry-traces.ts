import { StepKind } from "../../../gen/parley/admin/v1/explanation_pb.ts";
import type { TraceQuery } from "../../../gen/parley/mesh/v1/trace_pb.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Metrics } from "../../kernel/metrics.ts";
import type { EventTrace } from "../../mesh/event-trace.ts";
import { conversationTopic, type TopicEvent, userTopic } from "../../mesh/router.ts";
import type { AppendTrace } from "../../message/ports.ts";
import type { DeliveryTrace, EntryPlace, TracedDevice } from "../../session/ports.ts";
import { type TraceRecord, TraceRing } from "./trace-ring.ts";

/** Steps that a node remembers unless told otherwise: some thousand messages with all that was done with them. */
export const traceStepsMaxDefault = 65_536;

/** What traces are made from. */
export interface EntryTracesOptions {
  readonly clock: Pick<Clock, "wallMs">;
  readonly metrics: Metrics;
  /** Steps that are remembered; one more takes the place of the oldest. About 50 bytes each, and the ids that they name. */
  readonly stepsMax: number;
}

/** What is remembered of the query's entry. */
export interface FoundTraces {
  /** In the order in which they happened. */
  readonly records: readonly TraceRecord[];
  /** Whatever happened after this moment, by the node's wall clock, is among them. */
  readonly completeSinceMs: number;
}

/** What a node did with entries of late: the one object behind the trace ports of all domains. */
export class EntryTraces implements AppendTrace, EventTrace, DeliveryTrace {
  readonly #ring: TraceRing;

  constructor({ clock, metrics, stepsMax }: EntryTracesOptions) {
    this.#ring = new TraceRing(stepsMax, clock.wallMs());
    metrics.observedGauge(
      "entry_trace_reach_seconds",
      "How far back every step that this node took with an entry is remembered",
      () => Math.max(0, clock.wallMs() - this.#ring.completeSinceMs) / 1_000,
    );
  }

  // Each method says what `about` is: what has to be equal to be a step of the entry and account that are asked for.

  accepted({ conversationId, seq }: EntryPlace, entryId: string, timeMs: number): void {
    this.#ring.write({ kind: StepKind.ACCEPTED, timeMs, conversationId, seq, about: entryId, party: "" });
  }

  committed(entry: EntryPlace, timeMs: number): void {
    this.#note(StepKind.COMMITTED, entry, timeMs);
  }

  found(entry: EntryPlace, timeMs: number): void {
    this.#note(StepKind.FOUND, entry, timeMs);
  }

  repaired(entry: EntryPlace, timeMs: number): void {
    this.#note(StepKind.REPAIRED, entry, timeMs);
  }

  forwarded({ topic, conversationId, seq }: TopicEvent, nodeIds: readonly string[], timeMs: number): void {
    this.#ring.write({
      kind: StepKind.FORWARDED,
      timeMs,
      conversationId,
      seq,
      about: topic,
      party: nodeIds,
    });
  }

  received({ topic, conversationId, seq }: TopicEvent, from: string, timeMs: number): void {
    this.#ring.write({ kind: StepKind.RECEIVED, timeMs, conversationId, seq, about: topic, party: from });
  }

  pushed(
    { accountId, deviceId }: TracedDevice,
    { conversationId, seq, redelivered }: EntryPlace & { readonly redelivered: boolean },
    timeMs: number,
  ): void {
    const kind = redelivered ? StepKind.PUSHED_AGAIN : StepKind.PUSHED;
    this.#ring.write({ kind, timeMs, conversationId, seq, about: accountId, party: deviceId });
  }

  acknowledged(
    { accountId, deviceId }: TracedDevice,
    { conversationId, seq }: EntryPlace,
    timeMs: number,
  ): void {
    const kind = StepKind.ACKNOWLEDGED;
    this.#ring.write({ kind, timeMs, conversationId, seq, about: accountId, party: deviceId });
  }

  /** Looks through all that is remembered: a millisecond or two. */
  find(query: TraceQuery): FoundTraces {
    const records = this.#ring.find(query.conversationId, query.seq);
    return {
      records: records.filter((record) => concerns(record, query)),
      completeSinceMs: this.#ring.completeSinceMs,
    };
  }

  #note(kind: StepKind, { conversationId, seq }: EntryPlace, timeMs: number): void {
    this.#ring.write({ kind, timeMs, conversationId, seq, about: "", party: "" });
  }
}

function concerns({ kind, about }: TraceRecord, query: TraceQuery): boolean {
  if (kind === StepKind.ACCEPTED) return about === query.entryId;
  if (kind === StepKind.FORWARDED || kind === StepKind.RECEIVED)
    return about === conversationTopic(query.conversationId) || about === userTopic(query.accountId);
  // Committed, found and repaired are of the entry, whoever asks; the others are of a device.
  return about === "" || about === query.accountId;
}
