import type { Socket } from "node:net";
import type { Clock } from "../kernel/clock.ts";

/** What a client starts an HTTP/2 connection with (RFC 9113, section 3.4). */
const http2Preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** How detection ended; a connection that is `gone` broke or ended before it said enough. */
export type DetectedProtocol = "http1" | "http2" | "silent" | "gone";

/** What detection needs. */
export interface DetectionOptions {
  readonly clock: Clock;
  /** Milliseconds until the client must have sent enough to tell. */
  readonly silentMsMax: number;
}

/**
 * Reads from a fresh connection until its bytes equal the HTTP/2 preface or differ from it, puts them back
 * and calls `detected` once. HTTP/1.1 differs at its first or second byte, so at most 24 bytes are held.
 */
export function detectProtocol(
  socket: Socket,
  options: DetectionOptions,
  detected: (protocol: DetectedProtocol) => void,
): void {
  let seen: Buffer = Buffer.alloc(0);
  const finish = (protocol: DetectedProtocol): void => {
    timer.cancel();
    socket.off("readable", read);
    socket.off("end", gone);
    socket.off("close", gone);
    if (seen.length > 0 && !socket.destroyed) socket.unshift(seen);
    detected(protocol);
  };
  const read = (): void => {
    for (let chunk = readChunk(socket); chunk !== null; chunk = readChunk(socket)) {
      seen = Buffer.concat([seen, chunk]);
      const length = Math.min(seen.length, http2Preface.length);
      if (!seen.subarray(0, length).equals(http2Preface.subarray(0, length))) {
        finish("http1");
        return;
      }
      if (length === http2Preface.length) {
        finish("http2");
        return;
      }
    }
  };
  const gone = (): void => finish("gone");
  const timer = options.clock.after(options.silentMsMax, () => finish("silent"));
  socket.on("readable", read);
  socket.once("end", gone);
  socket.once("close", gone);
}

/** A socket without an encoding yields buffers; node types `read()` as any. */
function readChunk(socket: Socket): Buffer | null {
  const chunk: unknown = socket.read();
  return chunk instanceof Buffer ? chunk : null;
}
