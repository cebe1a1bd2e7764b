import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import {
  type ClientFrame,
  ClientFrameSchema,
  type Opened,
  type ServerFrame,
} from "../../gen/parley/session/v1/session_pb.ts";
import {
  type AttachRequest,
  AttachRequestSchema,
  SessionService,
} from "../../gen/parley/session/v1/session_service_pb.ts";
import type { Clock, Timer } from "../kernel/clock.ts";
import { createFrameQueue } from "./frame-queue.ts";

/** How long a node may take to say `opened`, in milliseconds; contract. */
export const openedMsMax = 10_000;

/** Heartbeats without a frame after which a stream counts as lost; contract. */
const heartbeatsMissedMax = 3;

/** A two-way stream of one device. */
export interface AttachedStream {
  /**
   * The node is asked once these are iterated. Ends after `closed`, or when the network broke; throws what the server or the
   * network threw.
   */
  readonly frames: AsyncIterable<ServerFrame>;
  send(kind: ClientFrame["kind"]): void;
  /** Ends the stream and its connection. */
  close(): void;
}

/**
 * Attaches over HTTP/2, on a connection of its own. A node that says nothing for too long, as one that stands still does,
 * is a network that broke, whatever the connection says.
 */
export function attach(server: string, accessToken: string, clock: Clock): AttachedStream {
  const sessionManager = new Http2SessionManager(server);
  const transport = createConnectTransport({ baseUrl: server, httpVersion: "2", sessionManager });
  const up = createFrameQueue<AttachRequest>();
  const abort = new AbortController();
  const headers = { authorization: `Bearer ${accessToken}` };
  const close = (): void => {
    up.end();
    abort.abort();
    sessionManager.abort();
  };

  async function* frames(): AsyncGenerator<ServerFrame> {
    let silenceMsMax = openedMsMax;
    let silence: ConnectError | undefined;
    const watch = (): Timer =>
      clock.after(silenceMsMax, () => {
        silence = new ConnectError(`the node said nothing for ${silenceMsMax / 1000} s`, Code.Unavailable);
        close();
      });
    // Begun here and not before: a call that fails while nobody listens to it ends the process.
    const down = createClient(SessionService, transport).attach(up, { headers, signal: abort.signal });
    let timer = watch();
    try {
      for await (const { frame } of down) {
        // Who takes the frame has its time; only waiting for the next one counts.
        timer.cancel();
        if (frame?.control.case === "opened") silenceMsMax = silenceAfter(frame.control.value);
        if (frame !== undefined) yield frame;
        timer = watch();
      }
    } catch (error) {
      throw silence ?? error;
    } finally {
      timer.cancel();
    }
    if (silence !== undefined) throw silence;
  }

  return {
    frames: frames(),
    send: (kind) => up.push(create(AttachRequestSchema, { frame: create(ClientFrameSchema, { kind }) })),
    close,
  };
}

function silenceAfter({ heartbeatInterval }: Opened): number {
  return heartbeatInterval === undefined ? openedMsMax : heartbeatsMissedMax * durationMs(heartbeatInterval);
}

/**
 * connect-node's HTTP/2 client throws outside of any call when a server says GOAWAY (connect-es #1768). The stream itself
 * ends too, so the exception says nothing new: true means that it may be passed over.
 */
export function isGoawayException(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_HTTP2_");
}
