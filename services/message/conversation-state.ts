import type { Entry } from "../../gen/parley/message/v1/entry_pb.ts";
import { type ConversationRef, parseConversationId } from "./conversation-id.ts";
import { changeMembers, type MemberTable } from "./effects.ts";

/**
 * What an append has to know of a conversation, as its entries up to `last` have made it. Immutable: the lane keeps
 * one for what is committed and one for what the running batch will have made of it.
 */
export interface ConversationState {
  readonly conversationId: string;
  readonly ref: ConversationRef;
  /** The newest entry's seq; 0 while there is none, and then a group does not exist. */
  readonly last: bigint;
  /** Messages up to `last`. */
  readonly messageOrdinal: bigint;
  /** Members of a group, past ones included; empty for a direct conversation. */
  readonly members: MemberTable;
}

/** The part of an entry that changes a state. */
export type StateEntry = Pick<Entry, "seq" | "messageOrdinal" | "senderId" | "body">;

/** The state of a conversation without entries. Throws for an id that no conversation can have. */
export function emptyConversation(conversationId: string): ConversationState {
  const ref = parseConversationId(conversationId);
  if (ref === undefined) throw new Error(`${conversationId} is no conversation id`);
  return { conversationId, ref, last: 0n, messageOrdinal: 0n, members: new Map() };
}

/** The state after the entry `last + 1`. Throws when `entry` is another one, which would be a hole in the log. */
export function advance(state: ConversationState, entry: StateEntry): ConversationState {
  if (entry.seq !== state.last + 1n) {
    throw new Error(`entry ${entry.seq} of ${state.conversationId} does not follow ${state.last}`);
  }
  const changed = changeMembers(state.members, entry);
  return {
    ...state,
    last: entry.seq,
    messageOrdinal: entry.messageOrdinal,
    members: changed.size === 0 ? state.members : new Map([...state.members, ...changed]),
  };
}

/** The other account of a direct conversation; undefined for groups and for accounts that are not in it. */
export function peerOf(ref: ConversationRef, accountId: string): string | undefined {
  if (ref.kind === "group") return undefined;
  if (accountId === ref.low) return ref.high;
  return accountId === ref.high ? ref.low : undefined;
}
