import type { Entry } from "../../../gen/parley/message/v1/entry_pb.ts";
import type { ObserverHistory, SeenEntry, SendRecord } from "../../history/history.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { DemoPerson } from "./demo-person.ts";
import { seenEntry } from "./seen-entry.ts";
import type { Settlement } from "./send-lane.ts";

/** A message on its way. All times are in milliseconds of the journal's clock. */
interface Journalled {
  readonly person: DemoPerson;
  readonly clientMessageId: string;
  readonly text: string;
  readonly laneIndex: number;
  /** Just before its first try went out. */
  sentMs: number | undefined;
  tries: number;
  settlement: Settlement | undefined;
  settledMs: number | undefined;
  /** When the other one had stored it. */
  receivedMs: number | undefined;
  /** The sender's device has stored it too, as all devices do. */
  storedByOwn: boolean;
}

/** A message whose way has ended: it is acknowledged and stored by both, or was rejected. */
export interface MessageTrace {
  readonly handle: string;
  readonly text: string;
  readonly sentMs: number;
  readonly tries: number;
  readonly outcome:
    | {
        readonly kind: "acknowledged";
        readonly seq: bigint;
        readonly acknowledgedMs: number;
        readonly receivedMs: number;
      }
    | { readonly kind: "rejected"; readonly reason: string };
}

/**
 * What people did and saw in one conversation: a history for the checkers, and each message's way for people. It holds
 * everything until the end.
 */
export class DemoJournal {
  readonly #clock: Clock;
  readonly #conversationId: string;
  readonly #onTrace: (trace: MessageTrace) => void;
  readonly #messages: Journalled[] = [];
  readonly #byId = new Map<string, Journalled>();
  readonly #stored = new Map<string, SeenEntry[]>();
  #traced = 0;
  #drained: PromiseWithResolvers<void> | undefined;

  /** `onTrace` is told of each message in the order in which they were made, as soon as its way has ended. */
  constructor(clock: Clock, conversationId: string, onTrace: (trace: MessageTrace) => void) {
    this.#clock = clock;
    this.#conversationId = conversationId;
    this.#onTrace = onTrace;
  }

  /** Somebody wants to say something. */
  made(person: DemoPerson, clientMessageId: string, text: string): void {
    const laneIndex = this.#messages.filter((one) => one.person === person).length;
    const message: Journalled = {
      person,
      clientMessageId,
      text,
      laneIndex,
      sentMs: undefined,
      tries: 0,
      settlement: undefined,
      settledMs: undefined,
      receivedMs: undefined,
      storedByOwn: false,
    };
    this.#messages.push(message);
    this.#byId.set(clientMessageId, message);
  }

  /** It is about to go out, for the first time or again. */
  tried(clientMessageId: string): void {
    const message = this.#byId.get(clientMessageId);
    if (message === undefined) return;
    message.tries += 1;
    message.sentMs ??= this.#clock.monotonicMs();
  }

  settled(clientMessageId: string, settlement: Settlement): void {
    const message = this.#byId.get(clientMessageId);
    if (message === undefined) return;
    message.settlement = settlement;
    message.settledMs = this.#clock.monotonicMs();
    this.#trace();
  }

  /** Somebody's device stored an entry. */
  stored(person: DemoPerson, entry: Entry): void {
    const seen = this.#stored.get(person.deviceId) ?? [];
    seen.push(seenEntry(entry));
    this.#stored.set(person.deviceId, seen);
    const message = this.#byId.get(entry.clientMessageId);
    if (message === undefined) return;
    if (message.person === person) message.storedByOwn = true;
    else message.receivedMs ??= this.#clock.monotonicMs();
    this.#trace();
  }

  /** Messages whose way has not ended. */
  get underWay(): number {
    return this.#messages.length - this.#traced;
  }

  /** Resolves when the way of every message made so far has ended. */
  allEnded(): Promise<void> {
    if (this.underWay === 0) return Promise.resolve();
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** All sends, for the checkers. */
  sends(): SendRecord[] {
    const now = this.#clock.monotonicMs();
    return this.#messages.map((message) => ({
      senderId: message.person.accountId,
      deviceId: message.person.deviceId,
      conversationId: this.#conversationId,
      clientMessageId: message.clientMessageId,
      text: message.text,
      way: "stream",
      lane: message.person.deviceId,
      laneIndex: message.laneIndex,
      beganMs: message.sentMs ?? now,
      tries: message.tries,
      outcome:
        message.settlement?.kind === "acknowledged"
          ? { ...message.settlement, endedMs: message.settledMs ?? now }
          : (message.settlement ?? { kind: "open" }),
    }));
  }

  /** What somebody's device stored, for the checkers. */
  observer({ handle, deviceId }: DemoPerson): ObserverHistory {
    return {
      deviceId: `${handle}'s device`,
      conversationId: this.#conversationId,
      entries: this.#stored.get(deviceId) ?? [],
    };
  }

  #trace(): void {
    for (let next = this.#messages[this.#traced]; next !== undefined; next = this.#messages[this.#traced]) {
      const trace = traceOf(next);
      if (trace === undefined) return;
      this.#traced += 1;
      this.#onTrace(trace);
    }
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}

/** The way of a message, once it has ended. */
function traceOf(message: Journalled): MessageTrace | undefined {
  const { person, text, sentMs, tries, settlement, settledMs, receivedMs, storedByOwn } = message;
  if (sentMs === undefined || settlement === undefined || settledMs === undefined) return undefined;
  const common = { handle: person.handle, text, sentMs, tries };
  if (settlement.kind === "rejected") return { ...common, outcome: settlement };
  if (receivedMs === undefined || !storedByOwn) return undefined;
  const { seq } = settlement;
  return { ...common, outcome: { kind: "acknowledged", seq, acknowledgedMs: settledMs, receivedMs } };
}
