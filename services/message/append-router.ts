import { type Clock, sleep } from "../kernel/clock.ts";
import type { AppendCommand, AppendResult, Committed } from "./append-command.ts";
import { mayComeAgain, outcomeUnknown } from "./append-results.ts";

/** The way of a command to the owner of its conversation. */
export interface AppendRouter {
  /** Rejects only for a bug: what can go wrong is part of the result. */
  append(command: AppendCommand): Promise<AppendResult>;
}

/** How long a command may take in all at the node that its caller talks to, in milliseconds. */
export const commandMsMax = 8_000;

/** The pause before a command is given out again that an owner did not take, in milliseconds. */
export const movedPauseMs = 20;

/**
 * Appends a command that belongs to no stream. A command whose owner has moved is given out again, under the same id,
 * until it expires. Throws the Fault that the result holds; and OUTCOME_UNKNOWN when it ends refused or unanswered after an
 * owner that may have taken it.
 */
export async function appendOrThrow(
  router: AppendRouter,
  command: AppendCommand,
  clock: Clock,
): Promise<Committed> {
  for (let given = command; ; given = { ...command, retry: true }) {
    const result = await router.append(given);
    if (result.kind === "committed") return result.committed;
    // `moved` is also what a lost call comes to, so what a later owner refuses may have been written by an earlier one.
    if (result.kind === "failed")
      throw given !== command && mayComeAgain(result.fault) ? outcomeUnknown(result.fault) : result.fault;
    if (clock.monotonicMs() + movedPauseMs >= command.expireMs) throw outcomeUnknown();
    await sleep(clock, movedPauseMs);
  }
}

/** When a command expires that begins now, on the monotonic clock: with its call, and at the latest after `commandMsMax`. */
export function commandExpireMs(clock: Clock, callTimeoutMs: number | undefined): number {
  return clock.monotonicMs() + Math.min(commandMsMax, callTimeoutMs ?? commandMsMax);
}
