import { type AccessStores, type ConversationAccess, standingOf } from "./conversation-access.ts";
import { parseConversationId } from "./conversation-id.ts";
import type { ActivityKey } from "./conversation-order.ts";
import { peerOf } from "./conversation-state.ts";
import { readEntryAt } from "./history-page.ts";
import { mapInChunks, readInBulk } from "./in-chunks.ts";
import type { EntryRow, HeadRow, HeadStore, MemberRow } from "./ports.ts";
import { newestVisibleSeq, visibleSpans, wholeLog } from "./visibility.ts";

/** What listing an account's conversations takes. */
export interface ListingStores extends AccessStores {
  readonly heads: HeadStore;
}

/** A conversation of an account's list. Its newest visible entry is read only for those that a page shows. */
export interface ListedConversation extends ActivityKey, Omit<ConversationAccess, "newest"> {
  /** Known already, or undefined. */
  readonly newest: EntryRow | undefined;
}

/** All conversations of which the account may see something, past memberships included, in no order. */
export async function listAccountConversations(
  stores: ListingStores,
  accountId: string,
): Promise<readonly ListedConversation[]> {
  const [direct, groups] = await Promise.all([
    stores.heads.listDirect(accountId),
    listGroups(stores, accountId),
  ]);
  return [...direct.flatMap((head) => listedDirect(head, accountId) ?? []), ...groups];
}

/** The conversation with the time of its newest visible entry, as the list has it. */
export async function withActivity(
  heads: HeadStore,
  access: ConversationAccess,
): Promise<ListedConversation> {
  const [head] = access.member ? await heads.read([access.conversationId]) : [];
  const activityMs = head?.headSeq === access.newest.seq ? head.changeTimeMs : access.newest.createTimeMs;
  return { ...access, activityMs };
}

function listedDirect(head: HeadRow, accountId: string): ListedConversation | undefined {
  const { conversationId, headSeq, changeTimeMs } = head;
  const ref = parseConversationId(conversationId);
  const peerId = ref === undefined ? undefined : peerOf(ref, accountId);
  const spans = visibleSpans(wholeLog, headSeq);
  if (peerId === undefined || spans.length === 0) return undefined;
  const standing = { peerId, member: true, role: undefined };
  return { conversationId, ...standing, spans, activityMs: changeTimeMs, newest: undefined };
}

/**
 * As for a single conversation, rows are read after the effects up to the heads that they are judged by. The first
 * reading of the account's rows only finds the groups.
 */
async function listGroups(stores: ListingStores, accountId: string): Promise<readonly ListedConversation[]> {
  const candidates = await stores.memberships.ofAccount(accountId);
  if (candidates.length === 0) return [];
  const ids = candidates.map((row) => row.conversationId);
  const heads = await readInBulk(ids, (chunk) => stores.heads.read(chunk));
  const behind = heads.filter((head) => head.appliedSeq < head.headSeq).map((head) => head.conversationId);
  await readInBulk(behind, async (chunk) => {
    await stores.effects.settle(chunk);
    return [];
  });
  const headsById = new Map(heads.map((head) => [head.conversationId, head]));
  const rows = await stores.memberships.ofAccount(accountId);
  const listed = await mapInChunks(rows, (row) =>
    listedGroup(stores, row, headsById.get(row.conversationId)),
  );
  return listed.filter((group) => group !== undefined);
}

async function listedGroup(
  stores: ListingStores,
  row: MemberRow,
  head: HeadRow | undefined,
): Promise<ListedConversation | undefined> {
  if (head === undefined) return undefined;
  const { conversationId } = row;
  const { peerId, member, role, intervals } = standingOf(row);
  const spans = visibleSpans(intervals, head.headSeq);
  if (spans.length === 0) return undefined;
  const group = { conversationId, peerId, member, role, spans };
  if (member) return { ...group, activityMs: head.changeTimeMs, newest: undefined };
  // What happened after the account left is none of its business, the time included.
  const newest = await readEntryAt(stores.entries, conversationId, newestVisibleSeq(spans));
  return { ...group, activityMs: newest.createTimeMs, newest };
}
