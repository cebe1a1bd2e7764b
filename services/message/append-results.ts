import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { encodeId } from "../kernel/id-text.ts";
import type { AppendCommand, AppendResult, Committed } from "./append-command.ts";
import { sameDigest } from "./entry-digest.ts";
import type { EntryRow } from "./ports.ts";
import { faultOfVoid, isVoid } from "./void-row.ts";

/** How long clients wait before they try again after a refusal or an unknown outcome, in milliseconds. */
export const retryDelayMsDefault = 1_000;

/** Limits that a refusal can name in its metadata, by what was full. */
export type AppendLimit =
  | "waiting_commands"
  | "waiting_commands_per_conversation"
  | "loaded_conversations"
  | "deadline";

/** A failed result. */
export function failed(fault: Fault): AppendResult {
  return { kind: "failed", fault };
}

/** Refused for now, or unknown, so that it may be tried again; without a delay it is a rejection, which is final. */
export function mayComeAgain(fault: Fault): boolean {
  return fault.retryDelayMs !== undefined;
}

/** Refused before the store because a limit was reached; nothing was written. */
export function overloaded(limit: AppendLimit, message: string): Fault {
  return new Fault(ErrorReason.OVERLOADED, message, {
    metadata: { limit },
    retryDelayMs: retryDelayMsDefault,
  });
}

/** Refused because the node is about to stop; nothing was written. */
export function draining(): Fault {
  return new Fault(ErrorReason.DRAINING, "The node is about to stop; send it again with the same id", {
    retryDelayMs: retryDelayMsDefault,
  });
}

/** Refused by the store; nothing was written. A fault that already says so is kept. */
export function storeUnavailable(cause: unknown): Fault {
  if (cause instanceof Fault && cause.reason === ErrorReason.STORE_UNAVAILABLE) return cause;
  return new Fault(ErrorReason.STORE_UNAVAILABLE, "The store did not take it; nothing was written", {
    retryDelayMs: retryDelayMsDefault,
    cause,
  });
}

/** Given to the store, and nobody can say yet what came of it. */
export function outcomeUnknown(cause?: unknown): Fault {
  const message =
    "It was given to the store, and whether it was written is unknown; repeat it with the same id";
  return new Fault(ErrorReason.OUTCOME_UNKNOWN, message, { retryDelayMs: retryDelayMsDefault, cause });
}

/** The command's client id stands in the log with other content. */
export function conflict(command: AppendCommand, first: Committed | undefined): Fault {
  const { clientMessageId } = command;
  if (command.body.kind !== "message") {
    return new Fault(ErrorReason.REQUEST_ID_CONFLICT, "This request_id was used for another request", {
      metadata: { request_id: clientMessageId },
    });
  }
  return new Fault(
    ErrorReason.CLIENT_MESSAGE_ID_CONFLICT,
    "This client_message_id was used for other content",
    {
      metadata: {
        client_message_id: clientMessageId,
        ...(first === undefined ? {} : { seq: String(first.seq) }),
      },
    },
  );
}

/** Where a row of the log stands. */
export function committedOf(row: EntryRow): Committed {
  const { conversationId, epoch, seq, messageOrdinal, createTimeMs } = row;
  return { conversationId, epoch, seq, messageOrdinal, entryId: encodeId(row.entryId), createTimeMs };
}

/** The result that a row, void or not, holds for the one who sent it. */
export function resultOfRow(row: EntryRow): AppendResult {
  return isVoid(row) ? failed(faultOfVoid(row)) : { kind: "committed", committed: committedOf(row) };
}

/** The answer to a command whose client id was taken with `digest` and came to `result`. */
export function answerRepetition(
  command: AppendCommand,
  digest: Uint8Array,
  taken: { readonly digest: Uint8Array; readonly result: AppendResult },
): AppendResult {
  if (sameDigest(digest, taken.digest)) return taken.result;
  return failed(conflict(command, taken.result.kind === "committed" ? taken.result.committed : undefined));
}
