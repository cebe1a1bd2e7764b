import type { HeadRead, SendOutcome, SendRecord } from "../../history/history.ts";
import { StreamLedger } from "../stream-ledger.ts";
import type { Settlement } from "../stream-sends.ts";
import type { SimScheduler } from "./sim-scheduler.ts";

/** What a client wants to send, and how. */
export type NewSend = Pick<
  SendRecord,
  "senderId" | "deviceId" | "conversationId" | "clientMessageId" | "text" | "way"
> & {
  readonly lane?: string;
  readonly laneIndex?: number;
};

/** A change of a group by somebody. `endedMs`: when it was acknowledged. */
export interface ChangeRecord {
  readonly conversationId: string;
  readonly requestId: string;
  readonly beganMs: number;
  endedMs: number | undefined;
}

/** A send that was rejected, and when its device heard so. */
export interface Rejection {
  readonly send: SendRecord;
  readonly reason: string;
  readonly endedMs: number;
}

/** Everything that all clients of a simulation did, for the checkers. Times are virtual. */
export class SimJournal {
  readonly sends: SendRecord[] = [];
  readonly reads: HeadRead[] = [];
  readonly changes: ChangeRecord[] = [];
  readonly rejections: Rejection[] = [];
  readonly streams = new StreamLedger(() => this.nowMs);
  /** Changes of groups that did not end yet. */
  changesOpen = 0;
  /** What clients saw that must never happen, a sentence each. */
  readonly complaints: string[] = [];
  readonly #scheduler: SimScheduler;
  #open = 0;

  constructor(scheduler: SimScheduler) {
    this.#scheduler = scheduler;
  }

  get nowMs(): number {
    return this.#scheduler.nowMs;
  }

  /** Sends without an outcome. */
  get sendsOpen(): number {
    return this.#open;
  }

  begin(send: NewSend): SendRecord {
    const record: SendRecord = { ...send, beganMs: this.nowMs, tries: 0, outcome: { kind: "open" } };
    this.sends.push(record);
    this.#open += 1;
    return record;
  }

  settle(record: SendRecord, settlement: Settlement): void {
    const outcome: SendOutcome =
      settlement.kind === "acknowledged" ? { ...settlement, endedMs: this.nowMs } : settlement;
    if (settlement.kind === "rejected")
      this.rejections.push({ send: record, reason: settlement.reason, endedMs: this.nowMs });
    if (record.outcome.kind === "open") this.#open -= 1;
    else if (!isSame(record.outcome, settlement))
      this.complain(`${record.clientMessageId} was ${record.outcome.kind}, and then ${settlement.kind}`);
    this.#scheduler.note(`${record.deviceId} ${settlement.kind}`);
    record.outcome = outcome;
  }

  complain(sentence: string): void {
    this.#scheduler.note(sentence);
    this.complaints.push(sentence);
  }
}

/** Every retry has the same answer. */
function isSame(one: SendOutcome, other: Settlement): boolean {
  if (one.kind !== "acknowledged" || other.kind !== "acknowledged") return one.kind === other.kind;
  return one.seq === other.seq && one.entryId === other.entryId;
}
