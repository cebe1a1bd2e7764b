import type { Content } from "../../gen/parley/message/v1/content_pb.ts";
import type { Fault } from "../kernel/fault.ts";

/** What a caller wants to happen to a conversation. Accounts named here exist, or the append rejects them. */
export type AppendBody =
  | { readonly kind: "message"; readonly content: Content }
  | { readonly kind: "createGroup"; readonly name: string; readonly memberIds: readonly string[] }
  | { readonly kind: "addMembers"; readonly accountIds: readonly string[] }
  | { readonly kind: "removeMember"; readonly accountId: string }
  | { readonly kind: "leaveGroup" };

/** The place of a send among those of its stream to one conversation. */
export interface SendOrder {
  /** The session's id. */
  readonly stream: string;
  /** Grows each time the unanswered sends are given out again. */
  readonly sendEpoch: number;
  /** From 1 within the send epoch, without holes. */
  readonly n: number;
}

/** One wish to append, on its way to the conversation's owner. */
export interface AppendCommand {
  readonly conversationId: string;
  readonly senderId: string;
  readonly senderDeviceId: string;
  /** A UUID in lower case. */
  readonly clientMessageId: string;
  readonly body: AppendBody;
  /** This id may have been given out before: a rejection takes the id first. */
  readonly retry: boolean;
  /** On the node's monotonic clock: from then on nobody waits for the answer. */
  readonly expireMs: number;
  /** Only for sends of a stream; unary calls have no order. */
  readonly order: SendOrder | undefined;
}

/** Where an entry stands, for ever. */
export interface Committed {
  readonly conversationId: string;
  readonly epoch: bigint;
  readonly seq: bigint;
  readonly messageOrdinal: bigint;
  readonly entryId: string;
  readonly createTimeMs: number;
}

export type AppendResult =
  | { readonly kind: "committed"; readonly committed: Committed }
  /** Conflict, rejection, refusal (with a retry delay) or OUTCOME_UNKNOWN, by the fault's reason. */
  | { readonly kind: "failed"; readonly fault: Fault }
  /** Nothing was taken: give all unanswered sends of the stream out again in a new send epoch. */
  | { readonly kind: "moved" };
