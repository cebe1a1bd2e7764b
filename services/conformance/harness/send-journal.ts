import { randomUUID } from "node:crypto";
import type { SendRecord } from "../../history/history.ts";
import { sendRequest } from "../../testkit/send-request.ts";
import type { Settlement } from "../../testkit/stream-sends.ts";
import type { Device } from "./device.ts";
import { pause } from "./pause.ts";
import { mayRepeat, type Refusal, refusalOf } from "./refusal.ts";
import type { User } from "./user.ts";

/** The longest random pause between two tries of a unary send, in milliseconds. */
const retryMsMax = 200;

/** A try of a unary send that did not commit. Times in milliseconds of the clock of the sends. */
export interface RefusedTry {
  readonly beganMs: number;
  readonly endedMs: number;
  readonly refusal: Refusal;
}

/** How the tries of a unary send go. */
export interface UnaryTries {
  /** Where a try goes, counted from 1; unset: where the device's user is. */
  readonly place?: (attempt: number) => User;
  /** How long one try may take, in milliseconds; unset: as long as it takes. */
  readonly timeoutMs?: number;
  /** Told of each try that failed. */
  readonly onRefused?: (refused: RefusedTry) => void;
}

/** Sends messages of many devices, each until its outcome is known, and keeps the history of it for the checkers. */
export class SendJournal {
  readonly sends: SendRecord[] = [];
  readonly #laneLengths = new Map<string, number>();
  readonly #signal: AbortSignal;
  #unsettled = 0;

  /** The signal ends unary tries that are still going on; their sends stay without an outcome. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Sends that have begun and not come to an end. */
  get unsettled(): number {
    return this.#unsettled;
  }

  /** Sends over the device's stream, in order with its other ones to this conversation. */
  async sendOnStream(device: Device, conversationId: string, text: string): Promise<SendRecord> {
    const lane = `${device.user.deviceId} ${conversationId}`;
    const laneIndex = this.#laneLengths.get(lane) ?? 0;
    this.#laneLengths.set(lane, laneIndex + 1);
    const record = this.#begin(device, { conversationId, text, way: "stream", lane, laneIndex });
    const settlement = await device.sends.send(sendRequest(record), () => {
      record.tries += 1;
    });
    return this.#end(record, settlement);
  }

  /** Sends by SendMessage, and repeats it until it is answered for good. */
  async sendUnary(
    device: Device,
    conversationId: string,
    text: string,
    { place, timeoutMs, onRefused }: UnaryTries = {},
  ): Promise<SendRecord> {
    const record = this.#begin(device, { conversationId, text, way: "unary" });
    while (!this.#signal.aborted) {
      record.tries += 1;
      const beganMs = performance.now();
      try {
        const user = place?.(record.tries) ?? device.user;
        const options = { signal: this.#signal, ...(timeoutMs !== undefined && { timeoutMs }) };
        const answer = await user.messages.sendMessage(sendRequest(record), options);
        const { position, entryId } = answer;
        return this.#end(record, { kind: "acknowledged", seq: position?.seq ?? 0n, entryId });
      } catch (error) {
        const refusal = refusalOf(error);
        onRefused?.({ beganMs, endedMs: performance.now(), refusal });
        if (!mayRepeat(refusal)) {
          return this.#end(record, { kind: "rejected", reason: refusal.reason || refusal.message });
        }
        await pause(refusal.retryDelayMs ?? Math.random() * retryMsMax, this.#signal);
      }
    }
    return record;
  }

  #begin(
    { user }: Device,
    what: Pick<SendRecord, "conversationId" | "text" | "way" | "lane" | "laneIndex">,
  ): SendRecord {
    const record: SendRecord = {
      ...what,
      senderId: user.accountId,
      deviceId: user.deviceId,
      clientMessageId: randomUUID(),
      beganMs: performance.now(),
      tries: 0,
      outcome: { kind: "open" },
    };
    this.sends.push(record);
    this.#unsettled += 1;
    return record;
  }

  #end(record: SendRecord, settlement: Settlement): SendRecord {
    record.outcome =
      settlement.kind === "acknowledged" ? { ...settlement, endedMs: performance.now() } : settlement;
    this.#unsettled -= 1;
    return record;
  }
}
