import { constants } from "node:http2";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { NodeServerResponse } from "./node-exchange.ts";
import type { ResponsePushStream } from "./push-stream.ts";

/** How long a stream stays open after its response has ended while nothing moves on it, in milliseconds. */
export const endedStreamMsMax = 1_000;

/**
 * Writes the response that connect made for a push method: all of it when nothing was pushed, so that an
 * error before the first message has its proper status; else only what ends the stream.
 */
export async function finishPushStream(
  stream: ResponsePushStream,
  universal: UniversalServerResponse,
  response: NodeServerResponse,
): Promise<void> {
  stream.flush();
  if (!stream.opened) {
    await universalResponseToNodeResponse(universal, response);
    return;
  }
  // The body is the end of the stream, preceded by what a handler that pushed also yielded.
  for await (const chunk of universal.body ?? []) {
    stream.flush();
    await writeChunk(response, chunk);
  }
  stream.flush();
  stream.close();
  if (universal.trailer !== undefined) response.addTrailers(Object.fromEntries(universal.trailer));
  response.end();
  closeIdleStream(response);
}

/**
 * A client may go on with its half of an HTTP/2 stream after the response has ended, or not read that end. Either would
 * keep the stream, and with it the connection, so it is reset without an error soon after (RFC 9113, section 8.1).
 */
function closeIdleStream(response: NodeServerResponse): void {
  if (!("stream" in response) || response.stream.destroyed) return;
  const { stream } = response;
  stream.setTimeout(endedStreamMsMax, () => stream.close(constants.NGHTTP2_NO_ERROR));
}

/** Resolves when the socket takes more bytes, or never will. */
function writeChunk(response: NodeServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (response.write(chunk)) {
      resolve();
      return;
    }
    const finish = (): void => {
      response.off("drain", finish);
      response.off("close", finish);
      resolve();
    };
    response.on("drain", finish);
    response.on("close", finish);
  });
}
