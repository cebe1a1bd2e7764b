import { once } from "node:events";
import http2 from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { WebSocket } from "ws";
import { ReceiveRequestSchema } from "../../gen/parley/session/v1/session_service_pb.ts";
import { EnvelopeReader, enveloped } from "../device/envelopes.ts";

const connectsAtOnceMax = 64;

/** Connects clients to a peer, a few at a time, each on a connection of its own; `onMessage` runs for every message. */
export async function connectClients(url: string, count: number, onMessage: () => void): Promise<void> {
  const connect = url.startsWith("ws:") ? connectWebSocket : connectStream;
  for (let start = 0; start < count; start += connectsAtOnceMax) {
    const size = Math.min(connectsAtOnceMax, count - start);
    await Promise.all(Array.from({ length: size }, () => connect(url, onMessage)));
  }
}

async function connectWebSocket(url: string, onMessage: () => void): Promise<void> {
  const socket = new WebSocket(url);
  socket.on("message", onMessage);
  await once(socket, "open");
}

/** A server stream of connect-node over raw HTTP/2; resolves with its first message, which is not counted. */
async function connectStream(url: string, onMessage: () => void): Promise<void> {
  const session = http2.connect(url);
  const stream = session.request({
    ":method": "POST",
    ":path": "/parley.session.v1.SessionService/Receive",
    "content-type": "application/grpc+proto",
    te: "trailers",
  });
  stream.end(enveloped(toBinary(ReceiveRequestSchema, create(ReceiveRequestSchema, { open: {} }))));
  await once(stream, "data");
  const reader = new EnvelopeReader();
  stream.on("data", (chunk: Buffer) => reader.read(chunk, onMessage));
}
