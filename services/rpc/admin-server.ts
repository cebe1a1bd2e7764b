import { once } from "node:events";
import http from "node:http";
import type { RpcHandler } from "./rpc-handler.ts";

/** Milliseconds for a whole request to the admin listener. */
const requestMsMax = 10_000;
/** Connections of the admin listener; more are closed at once. */
export const adminConnectionsMax = 64;

/** Whether a node takes new clients, and why not. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** What the admin listener serves. */
export interface AdminServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly readiness: () => Readiness;
  /** The metrics in the text format that `contentType` names. */
  readonly renderMetrics: () => Promise<{ contentType: string; body: string }>;
  /** Serves RPCs for operators: every path that names one. None when unset. */
  readonly rpc?: RpcHandler;
}

/** HTTP/1.1 for operators: `/metrics`, `/healthz`, `/readyz`, and RPCs. Not for the public. */
export interface AdminServer extends AsyncDisposable {
  /** Rejects when the port is taken. */
  listen(): Promise<{ host: string; port: number }>;
  /** Closes all connections at once. */
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string;
}

/** Creates the listener. `/healthz` only says that the event loop turns, never how a dependency is. */
export function createAdminServer(options: AdminServerOptions): AdminServer {
  const server = http.createServer(
    { headersTimeout: requestMsMax, requestTimeout: requestMsMax, keepAliveTimeout: requestMsMax },
    (request, response) => {
      if (options.rpc !== undefined && isRpc(request.url)) {
        options.rpc.handle(request, response);
        return;
      }
      void answerRequest(options, request).then(({ status, contentType, body }) => {
        response.writeHead(status, { "content-type": contentType ?? "text/plain; charset=utf-8" });
        response.end(request.method === "HEAD" ? undefined : body);
      });
    },
  );
  server.maxConnections = adminConnectionsMax;
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return {
    listen: async () => {
      server.listen(options.port, options.host);
      await once(server, "listening");
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("the listener has no TCP address");
      return { host: address.address, port: address.port };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** `/parley.admin.v1.AdminService/ListNodes`; the pages of operators have no dot and one slash. */
function isRpc(url = ""): boolean {
  return /^\/[\w.]+\/\w+(\?|$)/.test(url);
}

async function answerRequest(options: AdminServerOptions, request: http.IncomingMessage): Promise<Answer> {
  if (request.method !== "GET" && request.method !== "HEAD") return { status: 405, body: "Only GET.\n" };
  const [path = ""] = (request.url ?? "").split("?", 1);
  switch (path) {
    case "/healthz":
      return { status: 200, body: "ok\n" };
    case "/readyz": {
      const readiness = options.readiness();
      return readiness.ready
        ? { status: 200, body: "ready\n" }
        : { status: 503, body: `not ready: ${readiness.reason}\n` };
    }
    case "/metrics":
      try {
        return { status: 200, ...(await options.renderMetrics()) };
      } catch {
        return { status: 500, body: "The metrics could not be rendered.\n" };
      }
    default:
      return { status: 404, body: "There are /metrics, /healthz and /readyz.\n" };
  }
}
