import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { NodeServerResponse } from "./node-exchange.ts";
import type { ResponsePushStream } from "./push-stream.ts";

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
