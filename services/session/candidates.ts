import { parseConversationId } from "../message/conversation-id.ts";
import type { HeadStore, MembershipStore } from "../message/ports.ts";
import { readStandings, type StandingReaders, type Wanted } from "./standing.ts";

/** What listing candidates needs beside what reading their standings does. */
export interface CandidateReaders extends StandingReaders {
  readonly heads: Pick<HeadStore, "read" | "listDirect">;
  readonly memberships: Pick<MembershipStore, "read" | "ofAccount">;
}

/** The account is one of the two of a direct conversation, or the id is a group's. */
export function mayBeMember(conversationId: string, accountId: string): "group" | "direct" | undefined {
  const ref = parseConversationId(conversationId);
  if (ref === undefined) return undefined;
  if (ref.kind === "group") return "group";
  return ref.low === accountId || ref.high === accountId ? "direct" : undefined;
}

/**
 * The conversations in which an account may have something to see: its membership rows, past ones included, its
 * direct conversations, and those that its device names. Names that the account can have nothing to do with are left
 * out before anything is joined for them. Rejects when a read does.
 */
export async function listCandidates(
  readers: CandidateReaders,
  accountId: string,
  named: readonly string[],
): Promise<string[]> {
  const rows = await readers.memberships.ofAccount(accountId);
  const direct = await readers.heads.listDirect(accountId);
  const ids = new Set<string>();
  for (const { conversationId } of rows) ids.add(conversationId);
  for (const { conversationId } of direct) ids.add(conversationId);
  const unknown = named.filter((conversationId) => !ids.has(conversationId));
  for (const conversationId of await filterVisible(readers, accountId, unknown)) ids.add(conversationId);
  return [...ids];
}

/**
 * Those of the conversations that the account may see something of, now or in the past: all of its direct ones, also
 * those that do not exist yet, and groups that have a row of it once their effects are finished.
 */
export async function filterVisible(
  readers: StandingReaders,
  accountId: string,
  conversationIds: readonly string[],
): Promise<string[]> {
  const visible: string[] = [];
  const groups: Wanted[] = [];
  for (const conversationId of conversationIds) {
    const kind = mayBeMember(conversationId, accountId);
    if (kind === "direct") visible.push(conversationId);
    if (kind === "group") groups.push({ conversationId, isGroup: true, heldSeq: 0n, knownSeq: 0n });
  }
  const standings = await readStandings(readers, accountId, groups, (_id, head) => head);
  for (const [conversationId, { intervals }] of standings) {
    if (intervals.length > 0) visible.push(conversationId);
  }
  return visible;
}
