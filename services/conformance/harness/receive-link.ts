import type { ServerFrame } from "../../../gen/parley/session/v1/session_pb.ts";
import type { Link, LinkOptions } from "./link.ts";
import { Submitter } from "./submitter.ts";

/** Receive and Submit over HTTP/1.1, as a browser has them. */
export function openReceiveLink({ user, open, onResults }: LinkOptions): Link {
  const abort = new AbortController();
  const { signal } = abort;
  const submitter = new Submitter({ user, signal, onResults, onLost: (error) => abort.abort(error) });

  async function* frames(): AsyncGenerator<ServerFrame> {
    try {
      for await (const { frame } of user.sessions.receive({ open }, { signal })) {
        if (frame === undefined) continue;
        if (frame.control.case === "opened") submitter.begin(frame.control.value.sessionId);
        yield frame;
      }
    } finally {
      abort.abort();
    }
  }

  return { frames: frames(), say: (kind) => submitter.say(kind), drop: () => abort.abort() };
}
