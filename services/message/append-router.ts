import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { type Clock, sleep } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { AppendCommand, AppendResult, Committed } from "./append-command.ts";

/** The way of a command to the owner of its conversation. */
export interface AppendRouter {
  /** Rejects only for a bug: what can go wrong is part of the result. */
  append(command: AppendCommand): Promise<AppendResult>;
}

/** How long a command may take in all at the node that its caller talks to, in milliseconds. */
export const commandMsMax = 8_000;

/** The pause before a command is given out again that an owner did not take, in milliseconds. */
export const movedPauseMs = 20;

/** What clients are told to wait when no owner took their command in time, in milliseconds. */
const retryDelayMs = 1_000;

/**
 * Appends a command that belongs to no stream. An owner that took nothing is asked again, under the same id, until
 * the command expires. Throws the Fault that the result holds, or OVERLOADED after the expiry: nothing was written.
 */
export async function appendOrThrow(
  router: AppendRouter,
  command: AppendCommand,
  clock: Clock,
): Promise<Committed> {
  for (let given = command; ; given = { ...command, retry: true }) {
    const result = await router.append(given);
    if (result.kind === "committed") return result.committed;
    if (result.kind === "failed") throw result.fault;
    if (clock.monotonicMs() + movedPauseMs >= command.expireMs) throw noOwner();
    await sleep(clock, movedPauseMs);
  }
}

function noOwner(): Fault {
  const message = "no owner of the conversation took the command in time: send it again with the same id";
  return new Fault(ErrorReason.OVERLOADED, message, { metadata: { limit: "deadline" }, retryDelayMs });
}

/** When a command expires that begins now, on the monotonic clock: with its call, and at the latest after `commandMsMax`. */
export function commandExpireMs(clock: Clock, callTimeoutMs: number | undefined): number {
  return clock.monotonicMs() + Math.min(commandMsMax, callTimeoutMs ?? commandMsMax);
}
