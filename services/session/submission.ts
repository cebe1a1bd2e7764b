import type { Failure } from "../../gen/parley/error/v1/failure_pb.ts";
import type { SendMessageRequest } from "../../gen/parley/message/v1/message_service_pb.ts";
import type { ClientFrame, SendResult } from "../../gen/parley/session/v1/session_pb.ts";
import { type Clock, sleep } from "../kernel/clock.ts";
import type { AttachedSession } from "./attached-session.ts";
import { resultOf, unknownFault } from "./send-desk.ts";
import { submitMsMax } from "./session-limits.ts";

/** What a submission needs. */
export interface SubmissionOptions {
  readonly clock: Clock;
  readonly failureOf: (error: unknown, where?: string) => Failure;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

interface SubmittedSend {
  readonly request: SendMessageRequest;
  result: SendResult | undefined;
}

/**
 * Gives frames to a session in their order and resolves with the results of their sends, in that order too.
 * After 10 s, or when the session ends, a send without an answer is answered as unknown: safe to repeat.
 */
export async function submitFrames(
  session: AttachedSession,
  frames: readonly ClientFrame[],
  { clock, failureOf, signal }: SubmissionOptions,
): Promise<SendResult[]> {
  const sends: SubmittedSend[] = [];
  for (const { kind } of frames)
    if (kind.case === "send") sends.push({ request: kind.value, result: undefined });
  const done = new AbortController();
  const work = takeAll(session, frames, sends, done.signal);
  const tooLate = sleep(clock, submitMsMax, AbortSignal.any([signal, done.signal]));
  await Promise.race([work, tooLate, session.closing]);
  done.abort();
  return sends.map(
    ({ request, result }) =>
      result ?? resultOf(request, { case: "failed", value: failureOf(unknownFault()) }),
  );
}

async function takeAll(
  session: AttachedSession,
  frames: readonly ClientFrame[],
  sends: readonly SubmittedSend[],
  signal: AbortSignal,
): Promise<void> {
  const answers: Promise<void>[] = [];
  let index = 0;
  for (const frame of frames) {
    await session.whenReadable();
    if (signal.aborted || !session.active) break;
    const send = frame.kind.case === "send" ? sends[index++] : undefined;
    if (send === undefined) session.take(frame);
    else answers.push(takeSend(session, frame, send));
  }
  await Promise.all(answers);
}

function takeSend(session: AttachedSession, frame: ClientFrame, send: SubmittedSend): Promise<void> {
  return new Promise((resolve) => {
    session.take(frame, (result) => {
      send.result = result;
      resolve();
    });
  });
}
