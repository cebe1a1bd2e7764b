import { create } from "@bufbuild/protobuf";
import { type Entry, type Position, PositionSchema } from "../../../gen/parley/message/v1/entry_pb.ts";
import type { ObserverHistory, SeenEntry } from "../../history/history.ts";

/** What became of an entry that arrived. */
export type Intake = "stored" | "dropped" | "gap";

interface HeldConversation {
  epoch: bigint;
  seq: bigint;
  /** Runs without a hole; each begins with the entry that added the account, or with the first one. */
  readonly runs: SeenEntry[][];
}

/** What a device keeps over its streams: its entries, and how far it has come in each conversation. */
export class HeldLog {
  readonly #accountId: string;
  readonly #deviceId: string;
  readonly #held = new Map<string, HeldConversation>();

  constructor(accountId: string, deviceId: string) {
    this.#accountId = accountId;
    this.#deviceId = deviceId;
  }

  /** Up to here everything is held that the account may see; 0 when nothing is. */
  seqOf(conversationId: string): bigint {
    return this.#held.get(conversationId)?.seq ?? 0n;
  }

  /** Everything that `open` has to name. */
  positions(): Position[] {
    return Array.from(this.#held, ([conversationId, { epoch, seq }]) =>
      create(PositionSchema, { conversationId, epoch, seq }),
    );
  }

  /** Does with an entry what the contract says: the next one is stored, an older one dropped, anything else is a gap. */
  take(entry: Entry): Intake {
    const held = this.#held.get(entry.conversationId);
    const seq = held?.seq ?? 0n;
    if (entry.seq <= seq) return "dropped";
    const isNext = entry.seq === seq + 1n;
    if (!isNext && !addsAccount(entry, this.#accountId)) return "gap";
    if (held === undefined) {
      this.#held.set(entry.conversationId, {
        epoch: entry.epoch,
        seq: entry.seq,
        runs: [[seenEntry(entry)]],
      });
      return "stored";
    }
    held.epoch = entry.epoch;
    held.seq = entry.seq;
    const last = held.runs.at(-1);
    if (isNext && last !== undefined) last.push(seenEntry(entry));
    else held.runs.push([seenEntry(entry)]);
    return "stored";
  }

  /** Drops what is held above a position and goes on in its epoch. */
  rewind({ conversationId, epoch, seq }: Position): void {
    const held = this.#held.get(conversationId);
    if (held === undefined) return;
    const kept = held.runs
      .map((run) => run.filter((entry) => entry.seq <= seq))
      .filter((run) => run.length > 0);
    held.runs.splice(0, held.runs.length, ...kept);
    held.epoch = epoch;
    held.seq = seq;
  }

  /** What was stored, each run as a history of its own, in the order in which it was. */
  histories(): ObserverHistory[] {
    return Array.from(this.#held, ([conversationId, { runs }]) =>
      runs.map((entries) => ({ deviceId: this.#deviceId, conversationId, entries })),
    ).flat();
  }

  /** The numbers held of one conversation, in the order in which they were stored. */
  seqsOf(conversationId: string): bigint[] {
    return (this.#held.get(conversationId)?.runs ?? []).flat().map(({ seq }) => seq);
  }
}

/** An entry as the checkers look at it. */
export function seenEntry(entry: Entry): SeenEntry {
  const { conversationId, seq, entryId, senderId, clientMessageId, messageOrdinal, body } = entry;
  const text =
    body.case === "message" && body.value.kind.case === "text" ? body.value.kind.value.text : undefined;
  return { conversationId, seq, entryId, senderId, clientMessageId, messageOrdinal, text };
}

/** From this entry on the account sees a group; what precedes it is no gap. */
export function addsAccount({ body }: Entry, accountId: string): boolean {
  if (body.case === "membersAdded") return body.value.accountIds.includes(accountId);
  return body.case === "groupCreated" && body.value.memberIds.includes(accountId);
}

/** After this entry the account sees nothing more, unless it is added again. */
export function removesAccount({ body, senderId }: Entry, accountId: string): boolean {
  if (body.case === "memberRemoved") return body.value.accountId === accountId;
  return body.case === "memberLeft" && senderId === accountId;
}
