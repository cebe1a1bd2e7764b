import { type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect as connectSocket } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { endStreamFromJson } from "@connectrpc/connect/protocol-connect";
import { ClientFrameSchema, type ServerFrame } from "../../../gen/parley/session/v1/session_pb.ts";
import {
  AttachRequestSchema,
  AttachResponseSchema,
} from "../../../gen/parley/session/v1/session_service_pb.ts";
import { EnvelopeReader, encodeEnvelope, endOfStreamFlag } from "./envelope.ts";
import type { Link, LinkOptions, Upward } from "./link.ts";
import { pause } from "./pause.ts";

const path = "/parley.session.v1.SessionService/Attach";

/** How often a paced reader takes its share, in milliseconds. */
const paceTickMs = 100;

/** How fast a device takes bytes from its stream. It may be changed while the stream runs. */
export interface ReadPace {
  /** Infinity: as they come. */
  bytesPerSecond: number;
}

/**
 * Attach over Node's own HTTP/2 client, speaking Connect's stream protocol by hand. It costs a fraction of a client
 * library (which matters when one process plays all devices), its socket can be broken at will, and it can stop
 * reading.
 */
export function openAttachLink(options: LinkOptions): Link {
  const { user, open, pace } = options;
  const server = new URL(user.server);
  const socket = connectSocket({ host: server.hostname, port: Number(server.port), noDelay: true });
  const session = connectHttp2(user.server, { createConnection: () => socket });
  // Every way in which it can break also ends the stream, which is where it is reported.
  session.on("error", () => undefined);
  let stream: ClientHttp2Stream | undefined;
  let ended = false;

  const say = (kind: Upward): void => {
    if (stream === undefined || ended || stream.destroyed || stream.writableEnded) return;
    const request = create(AttachRequestSchema, { frame: create(ClientFrameSchema, { kind }) });
    stream.write(encodeEnvelope(toBinary(AttachRequestSchema, request)));
  };

  const drop = (): void => {
    ended = true;
    // The socket first: the session then has nothing left to say goodbye on. (Resetting the socket of a session that was
    // destroyed makes Node 24 spin for ever.)
    socket.destroy();
    session.destroy();
  };

  async function* frames(): AsyncGenerator<ServerFrame> {
    try {
      const token = await user.accessToken();
      if (ended) return;
      stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/connect+proto",
        "connect-protocol-version": "1",
        authorization: `Bearer ${token}`,
      });
      stream.on("error", () => undefined);
      refuseOtherStatus(stream);
      say({ case: "open", value: open });
      yield* decode(pace === undefined ? stream : readPaced(stream, pace));
    } finally {
      drop();
    }
  }

  return { frames: frames(), say, drop };
}

/** A stream of Connect always answers 200; anything else comes from something that is no Parley. */
function refuseOtherStatus(stream: ClientHttp2Stream): void {
  stream.once("response", (headers) => {
    const status = headers[":status"];
    if (status !== 200) stream.destroy(new ConnectError(`HTTP status ${status}`, Code.Unknown));
  });
}

async function* decode(chunks: AsyncIterable<unknown>): AsyncGenerator<ServerFrame> {
  const reader = new EnvelopeReader();
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError("expected bytes");
    for (const { flags, data } of reader.push(chunk)) {
      if ((flags & endOfStreamFlag) !== 0) {
        const { error } = endStreamFromJson(data);
        if (error !== undefined) throw error;
        return;
      }
      const { frame } = fromBinary(AttachResponseSchema, data);
      if (frame !== undefined) yield frame;
    }
  }
}

/** Reads no faster than the pace, so that the rest fills the windows of HTTP/2 and then waits at the node. */
async function* readPaced(stream: ClientHttp2Stream, pace: ReadPace): AsyncGenerator<Uint8Array> {
  while (!stream.readableEnded && !stream.destroyed) {
    const share = Math.min(stream.readableLength, Math.ceil((pace.bytesPerSecond * paceTickMs) / 1000));
    // A read of nothing still asks the stream to fetch more.
    const chunk: unknown = share > 0 ? stream.read(share) : stream.read(0);
    if (chunk instanceof Uint8Array) yield chunk;
    if (share === 0 || Number.isFinite(pace.bytesPerSecond)) await pause(share === 0 ? 5 : paceTickMs);
  }
  if (stream.errored !== null) throw stream.errored;
}
