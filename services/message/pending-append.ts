import type { Fault } from "../kernel/fault.ts";
import type { AppendCommand, AppendResult } from "./append-command.ts";
import type { ConversationState } from "./conversation-state.ts";
import type { ClientKey } from "./ports.ts";
import type { AccountFacts } from "./rights.ts";

/** A command from its arrival to its answer. */
export interface PendingAppend {
  readonly command: AppendCommand;
  readonly key: ClientKey;
  readonly digest: Uint8Array;
  readonly contentBytes: number;
  /** What the check before its turn found; a fault when it could not be made. */
  accounts: AccountFacts | Fault;
  /** The state of the read that proves a rejection: fresh, with this command's id looked up. */
  provedAt: ConversationState | undefined;
  /** Its place in its stream's order was taken; it keeps it while it is withdrawn and tried again. */
  taken: boolean;
  /** A row of it is with the store now, or its effects are not finished. */
  inBatch: boolean;
  /** An entry of it was given to the store and its outcome is unknown: it must not be told as rejected or refused. */
  sent: boolean;
  /** Repetitions that came while it was on its way; they share its result. */
  followers: PendingAppend[];
  answered: boolean;
  /** Tells the sender. Only `answer` and `fail` of the appender's desk call these. */
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Everything a lane needs to end a command; the appender counts and orders by it. */
export interface AnswerDesk {
  /** Answers a command and its followers, unless they were answered before. */
  answer(pending: PendingAppend, result: AppendResult): void;
  /** Ends a command and its followers by a bug. */
  fail(pending: PendingAppend, error: unknown): void;
  /** Nothing is taken after the command in its send epoch, nor after its followers in theirs; it is answered `moved`. */
  breakOrder(pending: PendingAppend): void;
  /** Takes the command's place in its stream; false when it is not its turn, and `moved` is the answer. */
  takeTurn(pending: PendingAppend): boolean;
}
