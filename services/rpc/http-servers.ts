import http from "node:http";
import http2 from "node:http2";
import type { Socket } from "node:net";
import type { Logger } from "../kernel/logger.ts";
import type { RpcHandler } from "./rpc-handler.ts";
import type { ConnectionLimits } from "./rpc-limits.ts";

/** The two HTTP servers behind one port. Neither listens; they are given connections. */
export interface HttpServers {
  serveHttp1(socket: Socket): void;
  serveHttp2(socket: Socket): void;
  /** Asks clients to leave: GOAWAY for HTTP/2, closing idle connections for HTTP/1.1, now and as calls end. */
  close(): void;
}

/** Creates both servers with every limit set that node leaves open. */
export function createHttpServers(
  handle: RpcHandler["handle"],
  limits: ConnectionLimits,
  logger: Logger,
): HttpServers {
  const http1 = createHttp1Server(limits);
  const http2Server = createHttp2Server(limits);
  const sessions = new Set<http2.ServerHttp2Session>();
  let closing = false;
  http1.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
    if (closing) response.shouldKeepAlive = false;
    response.once("close", () => {
      if (closing) http1.closeIdleConnections();
    });
    handle(request, response);
  });
  http2Server.on("request", (request, response) => handle(request, response));
  http2Server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", (error) => logger.debug("an HTTP/2 session failed", { error }));
    closeWhenIdle(session, limits.sessionIdleMsMax);
  });
  return {
    serveHttp1: (socket) => void http1.emit("connection", socket),
    serveHttp2: (socket) => void http2Server.emit("connection", socket),
    close: () => {
      closing = true;
      for (const session of sessions) session.close();
      // Also stops the timer that checks for late headers.
      http1.close();
    },
  };
}

function createHttp1Server(limits: ConnectionLimits): http.Server {
  const server = http.createServer({
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersMsMax,
    requestTimeout: limits.requestMsMax,
    keepAliveTimeout: limits.keepAliveMs,
    // Late headers are noticed within a quarter of what they may take.
    connectionsCheckingInterval: Math.ceil(limits.headersMsMax / 4),
    noDelay: true,
  });
  server.maxHeadersCount = limits.headerPairsMax;
  // Node starts to watch the timeouts of requests on this event, which never comes by itself here.
  server.emit("listening");
  return server;
}

function createHttp2Server(limits: ConnectionLimits): http2.Http2Server {
  return http2.createServer({
    maxSessionMemory: limits.sessionMemoryMbMax,
    maxHeaderListPairs: limits.headerPairsMax,
    streamResetBurst: limits.streamResetBurst,
    streamResetRate: limits.streamResetRatePerSecond,
    settings: {
      maxConcurrentStreams: limits.streamsPerSessionMax,
      maxHeaderListSize: limits.headerBytesMax,
      enablePush: false,
    },
  });
}

/** Closes a connection on which nothing happened for `idleMs` and no call is open. */
function closeWhenIdle(session: http2.ServerHttp2Session, idleMs: number): void {
  let streams = 0;
  session.on("stream", (stream) => {
    streams += 1;
    stream.once("close", () => {
      streams -= 1;
    });
  });
  session.setTimeout(idleMs, () => {
    if (streams === 0) session.close();
  });
}
