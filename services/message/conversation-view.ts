import { create, fromBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Conversation,
  ConversationKind,
  ConversationSchema,
  MemberRole,
} from "../../gen/parley/message/v1/conversation_pb.ts";
import { EntrySchema } from "../../gen/parley/message/v1/entry_pb.ts";
import type { ListedConversation } from "./account-conversations.ts";
import { readEntryAt } from "./history-page.ts";
import { mapInChunks } from "./in-chunks.ts";
import type { EntryRow, Role } from "./ports.ts";
import { type PersonalState, type Reading, readPersonal } from "./reading.ts";
import { countUnread } from "./unread.ts";
import { newestVisibleSeq } from "./visibility.ts";

/** A listed conversation whose newest visible entry has been read. */
type ShownConversation = ListedConversation & { readonly newest: EntryRow };

/** Conversations (at most 1,000) as the account sees them, in the same order. */
export async function describeConversations(
  reading: Reading,
  accountId: string,
  listed: readonly ListedConversation[],
): Promise<Conversation[]> {
  const ids = listed.map((conversation) => conversation.conversationId);
  const groupIds = listed.filter(isGroup).map((conversation) => conversation.conversationId);
  const [shown, personal, groups] = await Promise.all([
    readNewest(reading, listed),
    readPersonal(reading, accountId, ids),
    groupIds.length === 0 ? [] : reading.memberships.readGroups(groupIds),
  ]);
  const names = new Map(groups.map((group) => [group.conversationId, group.name]));
  const nowMs = reading.clock.wallMs();
  return mapInChunks(shown, async (conversation) => {
    const own = personal.get(conversation.conversationId);
    if (own === undefined) throw new Error("the personal state of a conversation was not read");
    const unread = await countUnread(reading.entries, conversation, own);
    const name = names.get(conversation.conversationId) ?? "";
    return viewOf(conversation, { own, unread, name, nowMs });
  });
}

/** Most newest entries come by one read; one that lies below the log's head, for this account, by a read of its own. */
async function readNewest(
  { entries }: Reading,
  listed: readonly ListedConversation[],
): Promise<ShownConversation[]> {
  const missing = listed.filter((conversation) => conversation.newest === undefined);
  const last = await entries.readLast(missing.map((conversation) => conversation.conversationId));
  const lastById = new Map(last.map((row) => [row.conversationId, row]));
  return mapInChunks(listed, async (conversation) => {
    const seq = newestVisibleSeq(conversation.spans);
    const known = conversation.newest ?? lastById.get(conversation.conversationId);
    const { conversationId } = conversation;
    const newest = known?.seq === seq ? known : await readEntryAt(entries, conversationId, seq);
    return { ...conversation, newest };
  });
}

/** What a view shows beside what access and listing found. */
interface ConversationFacts {
  readonly own: PersonalState;
  readonly unread: bigint;
  /** Empty for direct conversations. */
  readonly name: string;
  /** A mute that has ended by now is over. */
  readonly nowMs: number;
}

function viewOf(conversation: ShownConversation, facts: ConversationFacts): Conversation {
  const { conversationId, newest, peerId, role, member, activityMs } = conversation;
  const { own, unread, name, nowMs } = facts;
  return create(ConversationSchema, {
    conversationId,
    kind: isGroup(conversation) ? ConversationKind.GROUP : ConversationKind.DIRECT,
    peerId,
    name,
    role: encodeRole(role),
    head: { conversationId, epoch: newest.epoch, seq: newest.seq },
    messageOrdinal: newest.messageOrdinal,
    visibleAfterSeq: conversation.spans[0]?.low ?? 0n,
    activityTime: timestampFromMs(activityMs),
    unreadCount: unread,
    readSeq: own.readSeq,
    ...(own.muteEndMs <= nowMs ? {} : { muteEndTime: timestampFromMs(own.muteEndMs) }),
    lastEntry: fromBinary(EntrySchema, newest.bytes),
    member,
  });
}

function isGroup({ peerId }: Pick<ListedConversation, "peerId">): boolean {
  return peerId === "";
}

/** A role as the contract writes it; unset for none. */
export function encodeRole(role: Role | undefined): MemberRole {
  if (role === undefined) return MemberRole.UNSPECIFIED;
  return role === "owner" ? MemberRole.OWNER : MemberRole.MEMBER;
}
