import { create } from "@bufbuild/protobuf";
import { type Entry, type Position, PositionSchema } from "../../../gen/parley/message/v1/entry_pb.ts";
import type { ObserverHistory, SeenEntry } from "../../history/history.ts";

/** What became of an entry that arrived. */
export type Intake = "stored" | "dropped" | "gap";

/** What a device keeps between its streams: the entries, and up to where it has all of them. Lives in memory. */
export class DeviceStore {
  readonly #accountId: string;
  readonly #held = new Map<string, { epoch: bigint; entries: SeenEntry[]; seq: bigint }>();

  /** `accountId`: whose device it is; it decides from which entry on a group is seen. */
  constructor(accountId: string) {
    this.#accountId = accountId;
  }

  /** The highest number held without a gap; 0 when nothing is held. */
  seqOf(conversationId: string): bigint {
    return this.#held.get(conversationId)?.seq ?? 0n;
  }

  /** Everything that `open` has to name. */
  positions(): Position[] {
    return [...this.#held].map(([conversationId, { epoch, seq }]) =>
      create(PositionSchema, { conversationId, epoch, seq }),
    );
  }

  /** Does with an entry what the contract says: next one stored, older one dropped, anything else is a gap. */
  take(entry: Entry): Intake {
    const seq = this.seqOf(entry.conversationId);
    if (entry.seq <= seq) return "dropped";
    if (entry.seq !== seq + 1n && !addsAccount(entry, this.#accountId)) return "gap";
    const held = this.#held.get(entry.conversationId);
    if (held === undefined) {
      const first = { epoch: entry.epoch, seq: entry.seq, entries: [seenEntry(entry)] };
      this.#held.set(entry.conversationId, first);
    } else {
      held.epoch = entry.epoch;
      held.seq = entry.seq;
      held.entries.push(seenEntry(entry));
    }
    return "stored";
  }

  /** Drops what is held above a position and goes on in its epoch. */
  rewind({ conversationId, epoch, seq }: Position): void {
    const held = this.#held.get(conversationId);
    if (held === undefined) return;
    held.epoch = epoch;
    held.seq = seq;
    held.entries = held.entries.filter((entry) => entry.seq <= seq);
  }

  /** What was stored of one conversation, in the order in which it was; empty when nothing was. */
  history(deviceId: string, conversationId: string): ObserverHistory {
    return { deviceId, conversationId, entries: this.#held.get(conversationId)?.entries ?? [] };
  }
}

/** An entry as the checkers look at it. */
export function seenEntry(entry: Entry): SeenEntry {
  const { conversationId, seq, entryId, senderId, clientMessageId, messageOrdinal, body } = entry;
  const text =
    body.case === "message" && body.value.kind.case === "text" ? body.value.kind.value.text : undefined;
  return { conversationId, seq, entryId, senderId, clientMessageId, messageOrdinal, text };
}

/** The entry from which on this account sees a group; what precedes it is no gap. */
function addsAccount({ body }: Entry, accountId: string): boolean {
  if (body.case === "membersAdded") return body.value.accountIds.includes(accountId);
  return body.case === "groupCreated" && body.value.memberIds.includes(accountId);
}
