import { Code, ConnectError } from "@connectrpc/connect";
import { type ErrorInfo, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { exitCodes } from "./exit-codes.ts";

/** A command ends with this: a sentence for the person, and the exit code. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;
  /** The reason of the contract, when a server gave one. */
  readonly reason: string | undefined;

  constructor(message: string, exitCode: number = exitCodes.failed, reason?: string) {
    super(message);
    this.exitCode = exitCode;
    this.reason = reason;
  }
}

const unavailableCodes: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
]);

/** Says what went wrong in a call to `server`, with the reason, what it is about, and the retry hint that came with it. */
export function commandErrorOf(error: unknown, server = "the server"): CommandError {
  if (error instanceof CommandError) return error;
  const failure = ConnectError.from(error);
  const [info] = failure.findDetails(ErrorInfoSchema);
  if (info === undefined && failure.code === Code.Unavailable) {
    return new CommandError(
      `no node answers at ${server}: is it running? (${failure.rawMessage})`,
      exitCodes.unavailable,
    );
  }
  const [retry] = failure.findDetails(RetryInfoSchema);
  const hint =
    retry?.retryDelay === undefined ? "" : `; try again in ${Number(retry.retryDelay.seconds) + 1} s`;
  const text = `${failure.rawMessage}${info === undefined ? "" : ` [${reasonText(info)}]`}${hint}`;
  return new CommandError(text, exitCodeOf(failure.code), info?.reason);
}

/** `ACCOUNT_NOT_FOUND: handle zoe` */
function reasonText({ reason, metadata }: ErrorInfo): string {
  const about = Object.entries(metadata).map(([name, value]) => `${name} ${value}`);
  return about.length === 0 ? reason : `${reason}: ${about.join(", ")}`;
}

function exitCodeOf(code: Code): number {
  if (code === Code.Unauthenticated) return exitCodes.notLoggedIn;
  return unavailableCodes.has(code) ? exitCodes.unavailable : exitCodes.failed;
}
