import { conversationNotFound } from "./conversation-faults.ts";
import { type ConversationRef, parseConversationId } from "./conversation-id.ts";
import { peerOf } from "./conversation-state.ts";
import { isMember } from "./effects.ts";
import { readEntryAt } from "./history-page.ts";
import type { EffectSettler, EntryLogStore, EntryRow, MemberRow, MembershipStore, Role } from "./ports.ts";
import { newestVisibleSeq, type Span, visibleSpans, wholeLog } from "./visibility.ts";

/** What deciding about an account's access takes. */
export interface AccessStores {
  readonly entries: EntryLogStore;
  readonly memberships: MembershipStore;
  readonly effects: EffectSettler;
}

/** What one account may see of a conversation, as the store said when it was asked. */
export interface ConversationAccess {
  readonly conversationId: string;
  /** The other account of a direct conversation; empty for groups. */
  readonly peerId: string;
  /** At least one. */
  readonly spans: readonly Span[];
  /** False when the account has left the group or was removed. */
  readonly member: boolean;
  /** Undefined for direct conversations and for groups that the account has left. */
  readonly role: Role | undefined;
  /** The newest entry that the account may see. */
  readonly newest: EntryRow;
}

/** The part of an access that follows from the kind of conversation and, for a group, the account's row. */
export type Standing = Pick<ConversationAccess, "peerId" | "member" | "role"> & Pick<MemberRow, "intervals">;

/**
 * Decides by the store alone what an account may see now. The order of the reads is what makes it right: first the
 * head, then the effects up to it, then the membership row, which therefore knows of every entry up to that head.
 * Throws Fault CONVERSATION_NOT_FOUND when the account may see nothing of it.
 */
export async function accessConversation(
  stores: AccessStores,
  accountId: string,
  conversationId: string,
): Promise<ConversationAccess> {
  const ref = parseConversationId(conversationId);
  if (ref === undefined) throw conversationNotFound(conversationId);
  // Strangers to a direct conversation cost no read.
  if (ref.kind === "direct" && directStanding(ref, accountId) === undefined)
    throw conversationNotFound(conversationId);
  const [head] = await stores.entries.readLast([conversationId]);
  if (head === undefined || head.seq < 1n) throw conversationNotFound(conversationId);
  const standing = await readStanding(stores, accountId, conversationId);
  const spans = visibleSpans(standing?.intervals ?? [], head.seq);
  if (standing === undefined || spans.length === 0) throw conversationNotFound(conversationId);
  const newestSeq = newestVisibleSeq(spans);
  const newest = newestSeq === head.seq ? head : await readEntryAt(stores.entries, conversationId, newestSeq);
  const { peerId, member, role } = standing;
  return { conversationId, peerId, member, role, spans, newest };
}

/**
 * How an account stands in a conversation, undefined when it never belonged to it. Call it after the head was read: the row
 * of a group knows of every entry up to that head.
 */
export async function readStanding(
  stores: AccessStores,
  accountId: string,
  conversationId: string,
): Promise<Standing | undefined> {
  const ref = parseConversationId(conversationId);
  if (ref === undefined) return undefined;
  return ref.kind === "direct"
    ? directStanding(ref, accountId)
    : groupStanding(stores, accountId, conversationId);
}

/** How an account stands in a direct conversation; undefined when it is not one of the two, or in a group. */
function directStanding(ref: ConversationRef, accountId: string): Standing | undefined {
  const peerId = peerOf(ref, accountId);
  return peerId === undefined ? undefined : { peerId, member: true, role: undefined, intervals: wholeLog };
}

async function groupStanding(
  stores: AccessStores,
  accountId: string,
  conversationId: string,
): Promise<Standing | undefined> {
  await stores.effects.settle([conversationId]);
  const [row] = await stores.memberships.read([conversationId], accountId);
  return row === undefined ? undefined : standingOf(row);
}

/** How an account stands in a group by its row. */
export function standingOf(row: MemberRow): Standing {
  const member = isMember(row);
  return { peerId: "", member, role: member ? row.role : undefined, intervals: row.intervals };
}
