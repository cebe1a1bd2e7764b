import type { Entry } from "../../gen/parley/message/v1/entry_pb.ts";
import type { Fault } from "../kernel/fault.ts";
import type { AppendResult } from "./append-command.ts";
import { answerRepetition, failed, outcomeUnknown } from "./append-results.ts";
import type { ConversationState } from "./conversation-state.ts";
import { sameDigest } from "./entry-digest.ts";
import type { RecentId } from "./recent-ids.ts";
import { type AccountFacts, type Claim, judge, type RightsLimits } from "./rights.ts";

/** A waiting command, as the sequencer sees it. */
export interface Candidate {
  readonly command: Claim["command"];
  readonly digest: Uint8Array;
  readonly contentBytes: number;
  /** The accounts that it names, or why they could not be read. */
  readonly accounts: AccountFacts | Fault;
  /** `tip` comes from a read made after the command arrived, with nothing of our own on top, and its id was looked up. */
  readonly proved: boolean;
  /** An entry with its client id was given to the store before, and may still be committed. */
  readonly sent: boolean;
}

/** What is to happen to a candidate. */
export type Step<Pending> =
  /** Join the batch as the entry after `tip`. */
  | { readonly kind: "append"; readonly body: Entry["body"] }
  /** Join the batch as a void row that takes the id. */
  | { readonly kind: "void"; readonly fault: Fault }
  /** Answer now. `settled` tells whether the id would come to the same whenever and wherever it is given out again. */
  | { readonly kind: "answer"; readonly result: AppendResult; readonly settled: boolean }
  /** Share the result of an earlier one with the same id and content, which is on its way. */
  | { readonly kind: "follow"; readonly pending: Pending }
  /** Wait until the running batch has ended: the answer depends on it. */
  | { readonly kind: "wait" }
  /** Wait for one fresh read, then validate again. */
  | { readonly kind: "prove" };

/**
 * Decides about the next waiting command of a conversation. `tip` is the state after the entries of the running batch,
 * `recent` what is known of its client id. Pure, so that all of a batch is decided in one turn.
 */
export function nextStep<Pending>(
  tip: ConversationState,
  candidate: Candidate,
  recent: RecentId<Pending, AppendResult> | undefined,
  limits: RightsLimits,
): Step<Pending> {
  const { command, digest, accounts } = candidate;
  if (recent?.kind === "settled") {
    return { kind: "answer", result: answerRepetition(command, digest, recent), settled: true };
  }
  if (recent?.kind === "pending") {
    // Whether other content is a conflict shows only when the first one has the id for good.
    return sameDigest(digest, recent.digest) ? { kind: "follow", pending: recent.pending } : { kind: "wait" };
  }
  if (accounts instanceof Error) return { kind: "answer", result: failed(accounts), settled: false };
  const verdict = judge(tip, { command, contentBytes: candidate.contentBytes, accounts }, limits);
  if (verdict.kind === "accept") return { kind: "append", body: verdict.body };
  // An earlier try may be committed yet, so it must never be told as rejected.
  if (candidate.sent) return { kind: "answer", result: failed(outcomeUnknown()), settled: false };
  if (verdict.final) return { kind: "answer", result: failed(verdict.fault), settled: true };
  if (!candidate.proved) return { kind: "prove" };
  // A device that does not hear of it sends it again, after what its stream has sent since, which may be in the log.
  if (command.retry || command.order !== undefined) return { kind: "void", fault: verdict.fault };
  return { kind: "answer", result: failed(verdict.fault), settled: false };
}
