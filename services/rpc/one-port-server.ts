import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Counter, Metrics } from "../kernel/metrics.ts";
import type { TlsIdentity } from "./certificates.ts";
import { type ConnectionTable, createConnectionTable } from "./connection-table.ts";
import { createHttpServers, type HttpServers } from "./http-servers.ts";
import { detectProtocol } from "./protocol-detection.ts";
import type { RpcHandler } from "./rpc-handler.ts";
import {
  assertLimits,
  type ConnectionLimits,
  callLimitsDefault,
  connectionLimitsDefault,
} from "./rpc-limits.ts";

/** How long `stop` lets calls end before it cuts connections, in milliseconds. */
export const stopMsDefault = 5_000;

const tlsVersionMin = "TLSv1.2";

/** Where to listen, what to serve. */
export interface OnePortServerOptions {
  readonly handler: Pick<RpcHandler, "handle" | "shutdown">;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Serves TLS when set, cleartext when unset. */
  readonly tls?: TlsIdentity;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** `connectionLimitsDefault` where unset. */
  readonly limits?: Partial<ConnectionLimits>;
  /** `stopMsDefault` when unset. */
  readonly stopMs?: number;
}

/** One port that speaks Connect, gRPC, gRPC-Web and Connect over HTTP/1.1. */
export interface OnePortServer extends AsyncDisposable {
  /** Rejects when the port is taken. */
  listen(): Promise<{ host: string; port: number }>;
  /** TLS handshakes from now on show this one. Throws when it cannot be used, or the port is cleartext; then nothing changes. */
  useCertificate(identity: TlsIdentity): void;
  /**
   * Takes no new connections, aborts the signals of all calls with DRAINING, sends GOAWAY, and destroys what is left
   * after `stopMs`, in slices. With a handler shared by two ports, the calls of both end. Resolves when no connection is
   * open.
   */
  stop(): Promise<void>;
}

/** Creates the server; it holds no resources before `listen`. Throws when limits contradict each other. */
export function createOnePortServer(options: OnePortServerOptions): OnePortServer {
  const { logger } = options;
  const limits = { ...connectionLimitsDefault, ...options.limits };
  assertLimits(callLimitsDefault, limits);
  const port = options.tls === undefined ? "cleartext" : "tls";
  const table = createConnectionTable({ ...options, ...limits, port });
  const servers = createHttpServers(options.handler.handle, limits, logger);
  const silent = options.metrics.counter(
    "rpc_connections_silent_total",
    "Connections that did not say in time which HTTP they speak",
    ["port"],
  );
  const listener = createListener(options, limits, { table, servers, silent });
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    listener.close();
    options.handler.shutdown();
    servers.close();
    if (await table.whenEmpty(options.stopMs ?? stopMsDefault)) return;
    logger.warn("connections are cut at the deadline of stop", { connections: table.size });
    await table.destroyAll();
  };
  return {
    listen: async () => {
      listener.listen(options.port, options.host);
      await once(listener, "listening");
      const address = listener.address();
      if (address === null || typeof address === "string") throw new Error("the listener has no TCP address");
      return { host: address.address, port: address.port };
    },
    useCertificate: (identity) => {
      if (!(listener instanceof tls.Server)) throw new Error("this port is cleartext");
      listener.setSecureContext({ ...identity, minVersion: tlsVersionMin });
    },
    stop: () => (stopped ??= stop()),
    [Symbol.asyncDispose]: () => (stopped ??= stop()),
  };
}

interface ConnectionParts {
  readonly table: ConnectionTable;
  readonly servers: HttpServers;
  readonly silent: Counter;
}

function createListener(
  options: OnePortServerOptions,
  limits: ConnectionLimits,
  { table, servers, silent }: ConnectionParts,
): net.Server {
  const { clock, logger } = options;
  const port = options.tls === undefined ? "cleartext" : "tls";
  const logError = (error: Error): void => logger.debug("a connection failed", { error, port });
  const serve = (socket: net.Socket): void => {
    socket.on("error", logError);
    detectProtocol(socket, { clock, silentMsMax: limits.silentMsMax }, (protocol) => {
      if (protocol === "http1") servers.serveHttp1(socket);
      else if (protocol === "http2") servers.serveHttp2(socket);
      else {
        if (protocol === "silent") silent.add(1, { port });
        socket.destroy();
      }
    });
  };
  if (options.tls === undefined) {
    return net.createServer({ noDelay: true }, (socket) => {
      if (table.admit(socket)) serve(socket);
    });
  }
  const listener = tls.createServer({
    ...options.tls,
    ALPNProtocols: ["h2", "http/1.1"],
    minVersion: tlsVersionMin,
    handshakeTimeout: limits.handshakeMsMax,
    noDelay: true,
  });
  // Counted before the handshake, which is what costs most.
  listener.on("connection", (socket: net.Socket) => void table.admit(socket));
  listener.on("secureConnection", serve);
  listener.on("tlsClientError", (error, socket) => {
    logError(error);
    if ("code" in error && error.code === "ERR_TLS_HANDSHAKE_TIMEOUT") silent.add(1, { port });
    // A handshake that is late is only reported; node leaves its connection open.
    socket.destroy();
  });
  return listener;
}
