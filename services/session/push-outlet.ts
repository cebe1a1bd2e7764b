import type { PushStream } from "../rpc/push-stream.ts";
import type { Outlet } from "./outlet.ts";

/** The outlet of Attach and Receive. What is not flushed when the call ends, its adapter still delivers. */
export function createPushOutlet(stream: Omit<PushStream, "open">): Outlet {
  let ready = true;
  let notify = (): void => undefined;
  stream.onDrain(() => {
    ready = true;
    notify();
  });
  return {
    write: (frame) => stream.write(frame.parts),
    flush: () => {
      ready = stream.flush();
    },
    get ready() {
      return ready;
    },
    get unflushedBytes() {
      return stream.unflushedBytes;
    },
    onReady: (callback) => {
      notify = callback;
    },
    lingerMs: 0,
    get empty() {
      return stream.unflushedBytes === 0;
    },
  };
}
