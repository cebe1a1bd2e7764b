import { create, toBinary } from "@bufbuild/protobuf";
import { SignalSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { encodeId } from "../kernel/id-text.ts";
import { conversationTopic, type TopicEvent, userTopic } from "../mesh/router.ts";
import type { ConversationAccess } from "./conversation-access.ts";

/** The opaque version of an account's conversations: the newest of its rows' versions. */
export function encodeVersion(version: bigint): string {
  return encodeId(version);
}

/** Tells an account's devices that its memberships or personal settings changed; `version` is the newest row's. */
export function versionsEvent(accountId: string, version: bigint): TopicEvent {
  const versions = { conversations: encodeVersion(version) };
  const bytes = toBinary(SignalSchema, create(SignalSchema, { kind: { case: "versions", value: versions } }));
  return { ...ephemeral, topic: userTopic(accountId), conversationId: "", bytes, key: "versions" };
}

/**
 * Tells how far an account has read: in a group all of its members, in a direct conversation both accounts. One
 * that has left a group tells only its own devices.
 */
export function readCursorEvents(
  access: Pick<ConversationAccess, "conversationId" | "peerId" | "member">,
  accountId: string,
  seq: bigint,
): readonly TopicEvent[] {
  const { conversationId } = access;
  const value = { conversationId, accountId, seq };
  const bytes = toBinary(SignalSchema, create(SignalSchema, { kind: { case: "readCursor", value } }));
  const key = `read/${accountId}/${conversationId}`;
  return readCursorTopics(access, accountId).map((topic) => ({
    ...ephemeral,
    topic,
    conversationId,
    bytes,
    key,
  }));
}

function readCursorTopics(
  { conversationId, peerId, member }: Pick<ConversationAccess, "conversationId" | "peerId" | "member">,
  accountId: string,
): readonly string[] {
  if (peerId !== "") return [userTopic(accountId), userTopic(peerId)];
  return [member ? conversationTopic(conversationId) : userTopic(accountId)];
}

const ephemeral = { class: "ephemeral", seq: 0n, membership: false } as const;
