import { toBinary } from "@bufbuild/protobuf";
import { type Entry, EntrySchema } from "../../gen/parley/message/v1/entry_pb.ts";
import { conversationTopic, type TopicEvent, userTopic } from "../mesh/router.ts";
import type { ConversationRef } from "./conversation-id.ts";
import { type EffectEntry, hasEffects, movedAccounts } from "./effects.ts";
import type { EntryRow } from "./ports.ts";

/** The events that tell of a committed entry: on a group's own topic, or on those of both accounts of a direct conversation. */
export function eventsOf(
  ref: ConversationRef,
  row: Pick<EntryRow, "conversationId" | "seq" | "bytes">,
  entry: EffectEntry,
): TopicEvent[] {
  const topics =
    ref.kind === "direct"
      ? [userTopic(ref.low), userTopic(ref.high)]
      : [conversationTopic(row.conversationId)];
  return topics.map((topic) => entryEvent(topic, row, hasEffects(entry.body)));
}

/**
 * The events that tell accounts on their own topics that they come or go: they do not listen to the group yet, or must
 * stop. Publish them after the membership rows are written, since a device that opens in between has to see one of the two.
 */
export function membershipEventsOf(entry: Entry): TopicEvent[] {
  const moved = movedAccounts(entry);
  if (moved.length === 0) return [];
  const { conversationId, seq } = entry;
  const row = { conversationId, seq, bytes: toBinary(EntrySchema, entry) };
  return moved.map((accountId) => entryEvent(userTopic(accountId), row, true));
}

function entryEvent(
  topic: string,
  { conversationId, seq, bytes }: Pick<EntryRow, "conversationId" | "seq" | "bytes">,
  membership: boolean,
): TopicEvent {
  return { topic, class: "durable", conversationId, seq, bytes, membership, key: "" };
}
