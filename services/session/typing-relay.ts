import { create, toBinary } from "@bufbuild/protobuf";
import { TypingSchema } from "../../gen/parley/message/v1/signal_pb.ts";
import { SignalSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { BoundedMap } from "../kernel/bounded-map.ts";
import type { Clock } from "../kernel/clock.ts";
import { conversationTopic, type TopicEvent, userTopic } from "../mesh/router.ts";
import { parseConversationId } from "../message/conversation-id.ts";
import { typingIntervalMs, typingKeysMax } from "./session-limits.ts";

/** Passes on that somebody types. The caller has made sure that the account is a member. */
export type RelayTyping = (typing: {
  readonly accountId: string;
  readonly conversationId: string;
  readonly active: boolean;
}) => void;

/** Creates the relay of one node, which passes on at most one signal a second per account and conversation. */
export function createTypingRelay(clock: Clock, publish: (event: TopicEvent) => void): RelayTyping {
  const lastMs = new BoundedMap<string, number>({ limit: typingKeysMax });
  return ({ accountId, conversationId, active }) => {
    const topic = topicOf(conversationId, accountId);
    if (topic === undefined) return;
    const key = `typing/${accountId}/${conversationId}`;
    const nowMs = clock.monotonicMs();
    if (nowMs - (lastMs.get(key) ?? Number.NEGATIVE_INFINITY) < typingIntervalMs) return;
    lastMs.set(key, nowMs);
    const value = create(TypingSchema, { conversationId, accountId, active });
    const bytes = toBinary(SignalSchema, create(SignalSchema, { kind: { case: "typing", value } }));
    publish({ topic, class: "ephemeral", conversationId, seq: 0n, bytes, membership: false, key });
  };
}

/** Where the others listen: a group's own topic, or the peer's. */
function topicOf(conversationId: string, accountId: string): string | undefined {
  const ref = parseConversationId(conversationId);
  if (ref === undefined) return undefined;
  if (ref.kind === "group") return conversationTopic(conversationId);
  return userTopic(ref.low === accountId ? ref.high : ref.low);
}
