import { createHash } from "node:crypto";

/**
 * Conversation ids say what they are: `d-<low>-<high>` is the direct conversation of two accounts, in the order of
 * their ids as strings, and `g-…` a group, whose id follows from its creator and the request that made it, so that
 * a repeated request finds the same group.
 */
export type ConversationRef =
  | { readonly kind: "direct"; readonly low: string; readonly high: string }
  | { readonly kind: "group" };

const directPattern = /^d-([0-9a-z]{13})-([0-9a-z]{13})$/;
const groupPattern = /^g-[0-9a-f]{32}$/;

/** What an id names, or undefined when no conversation can have it. */
export function parseConversationId(conversationId: string): ConversationRef | undefined {
  if (groupPattern.test(conversationId)) return { kind: "group" };
  const [, low, high] = directPattern.exec(conversationId) ?? [];
  if (low === undefined || high === undefined || low >= high) return undefined;
  return { kind: "direct", low, high };
}

/** The direct conversation of two different accounts. */
export function directConversationId(oneAccountId: string, otherAccountId: string): string {
  const [low, high] =
    oneAccountId < otherAccountId ? [oneAccountId, otherAccountId] : [otherAccountId, oneAccountId];
  return `d-${low}-${high}`;
}

/** The group that `creatorId` makes by the request `requestId` (a lower-case UUID). */
export function groupConversationId(creatorId: string, requestId: string): string {
  return `g-${createHash("sha256").update(`${creatorId}/${requestId}`).digest("hex").slice(0, 32)}`;
}
