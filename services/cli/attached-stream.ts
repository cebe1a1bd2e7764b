import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import {
  type ClientFrame,
  ClientFrameSchema,
  type ServerFrame,
} from "../../gen/parley/session/v1/session_pb.ts";
import {
  type AttachRequest,
  AttachRequestSchema,
  SessionService,
} from "../../gen/parley/session/v1/session_service_pb.ts";
import { createFrameQueue } from "./frame-queue.ts";

/** A two-way stream of one device. */
export interface AttachedStream {
  /** Ends after `closed`, or when the network broke; throws what the server or the network threw. */
  readonly frames: AsyncIterable<ServerFrame>;
  send(kind: ClientFrame["kind"]): void;
  /** Ends the stream and its connection. */
  close(): void;
}

/** Attaches over HTTP/2, on a connection of its own. */
export function attach(server: string, accessToken: string): AttachedStream {
  const sessionManager = new Http2SessionManager(server);
  const transport = createConnectTransport({ baseUrl: server, httpVersion: "2", sessionManager });
  const up = createFrameQueue<AttachRequest>();
  const abort = new AbortController();
  const headers = { authorization: `Bearer ${accessToken}` };
  const down = createClient(SessionService, transport).attach(up, { headers, signal: abort.signal });

  async function* frames(): AsyncGenerator<ServerFrame> {
    for await (const response of down) if (response.frame !== undefined) yield response.frame;
  }

  return {
    frames: frames(),
    send: (kind) => up.push(create(AttachRequestSchema, { frame: create(ClientFrameSchema, { kind }) })),
    close: () => {
      up.end();
      abort.abort();
      sessionManager.abort();
    },
  };
}

/**
 * connect-node's HTTP/2 client throws outside of any call when a server says GOAWAY (connect-es #1768). The stream itself
 * ends too, so the exception says nothing new: true means that it may be passed over.
 */
export function isGoawayException(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_HTTP2_");
}
