import type { Entry } from "../../../gen/parley/message/v1/entry_pb.ts";
import type { SeenEntry } from "../../history/history.ts";
import { type RepeatOptions, repeatCall } from "../repeat-call.ts";
import { type DemoPerson, messagesOf } from "./demo-person.ts";

/** An entry as the checkers look at it. */
export function seenEntry(entry: Entry): SeenEntry {
  const { conversationId, seq, entryId, senderId, clientMessageId, messageOrdinal, body } = entry;
  const text =
    body.case === "message" && body.value.kind.case === "text" ? body.value.kind.value.text : undefined;
  return { conversationId, seq, entryId, senderId, clientMessageId, messageOrdinal, text };
}

/** Where a conversation is read, by whom. */
export interface Reading {
  readonly person: DemoPerson;
  readonly server: string;
  readonly conversationId: string;
}

/** All that somebody may see of a conversation above `after`, by ListEntries. */
export async function listAll(repeat: RepeatOptions, reading: Reading, after = 0n): Promise<Entry[]> {
  const { person, server, conversationId } = reading;
  const messages = messagesOf(person, server);
  const entries: Entry[] = [];
  for (let seq = after; ; ) {
    const request = { conversationId, seq, pageSize: 500 };
    const page = await repeatCall(repeat, () => messages.listEntries(request));
    entries.push(...page.entries);
    if (!page.hasMore) return entries;
    seq = page.nextSeq;
  }
}
