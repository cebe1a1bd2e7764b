import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { ServerFrame } from "../../../gen/parley/session/v1/session_pb.ts";
import type { PollRequest } from "../../../gen/parley/session/v1/session_service_pb.ts";
import type { Link, LinkOptions, Upward } from "./link.ts";
import { Submitter } from "./submitter.ts";

/** How long one Poll waits at the node, and at the client; in milliseconds. */
const waitMs = 5_000;
const timeoutMs = 20_000;

/** Poll and Submit over HTTP/1.1, for networks that buffer streams. An acknowledgement travels with the next Poll. */
export function openPollLink({ user, open, onResults }: LinkOptions): Link {
  const abort = new AbortController();
  const { signal } = abort;
  const submitter = new Submitter({ user, signal, onResults, onLost: (error) => abort.abort(error) });
  let session: PollRequest["session"] = { case: "open", value: open };
  let ack = 0n;
  let answerLost = false;

  async function* frames(): AsyncGenerator<ServerFrame> {
    try {
      for (;;) {
        answerLost = false;
        const request = { session, ack, wait: durationFromMs(waitMs) };
        for (const frame of (await user.sessions.poll(request, { signal, timeoutMs })).frames) {
          if (frame.control.case === "opened") {
            const { sessionId } = frame.control.value;
            session = { case: "sessionId", value: sessionId };
            submitter.begin(sessionId);
          }
          yield frame;
          if (frame.control.case === "closed") return;
          if (answerLost || signal.aborted) break;
        }
        if (signal.aborted) return;
      }
    } finally {
      abort.abort();
    }
  }

  const say = (kind: Upward): void => {
    if (kind.case === "ack") ack = kind.value;
    else submitter.say(kind);
  };
  const loseAnswer = (): void => {
    answerLost = true;
  };
  return { frames: frames(), say, drop: () => abort.abort(), loseAnswer };
}
