import type { DescMethod, DescService } from "@bufbuild/protobuf";
import {
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextValues,
} from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { Logger } from "../kernel/logger.ts";
import { addressKey, codeName } from "./call.ts";
import { addressKeyOf } from "./client-address.ts";
import { createCrossOrigin } from "./cross-origin.ts";
import { drainingFault, statusOfFault } from "./error-mapper.ts";
import { type HealthState, healthRoutes } from "./health.ts";
import type { Interceptors } from "./interceptors.ts";
import { type Audience, assertPolicies } from "./method-policy.ts";
import type { NodeServerRequest, NodeServerResponse } from "./node-exchange.ts";
import { finishPushStream } from "./push-response.ts";
import { pushStreamKey, ResponsePushStream } from "./push-stream.ts";
import { reflectionRoutes } from "./reflection.ts";
import { assertLimits } from "./rpc-limits.ts";
import { unknownMethodRoutes } from "./unknown-method.ts";

/** The answer of a plain GET route. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

/** What an RPC handler serves. */
export interface RpcHandlerOptions {
  /** Registers the node's services. */
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors: Interceptors;
  readonly logger: Logger;
  /** `clients` when unset: methods for operators are refused then. */
  readonly audience?: Audience;
  /** Methods whose handlers write to `pushStreamOf(context)`; server or bidi streams. */
  readonly pushMethods?: readonly DescMethod[];
  /** Serves grpc.health.v1 when set. */
  readonly health?: HealthState;
  /** Serves reflection v1 and v1alpha over the registered services; off when unset. */
  readonly reflection?: boolean;
  /** Origins whose pages may call; none when unset. */
  readonly corsOrigins?: readonly string[];
  /** Plain GET (and HEAD) routes by path. */
  readonly httpRoutes?: ReadonlyMap<string, () => HttpAnswer | Promise<HttpAnswer>>;
}

/** Handles requests of any number of ports. */
export interface RpcHandler {
  /** A request listener for `http` and `http2` servers. */
  handle(request: NodeServerRequest, response: NodeServerResponse): void;
  /** Aborts the signals of all calls, also of later ones, with a status that clients retry elsewhere. */
  shutdown(): void;
  /** The registered services, reflection and health included. */
  readonly services: readonly DescService[];
}

/** Creates the handler of one node. Throws when a method states no policy or a limit contradicts another. */
export function createRpcHandler(options: RpcHandlerOptions): RpcHandler {
  const { interceptors: guards } = options;
  assertLimits(guards.limits);
  const shutdown = new AbortController();
  const routerOptions = {
    interceptors: [...guards.interceptors],
    readMaxBytes: guards.limits.readBytesMax,
    writeMaxBytes: guards.limits.writeBytesMax,
    maxTimeoutMs: guards.limits.timeoutMsMax,
    compressMinBytes: guards.limits.compressBytesMin,
    acceptCompression: [compressionGzip],
    shutdownSignal: shutdown.signal,
  };
  const router = createConnectRouter({
    ...routerOptions,
    requestGate: (context) => {
      const push = context.values.get(pushStreamKey);
      if (push instanceof ResponsePushStream) push.bind(context);
      return guards.requestGate(context);
    },
  });
  options.routes(router);
  if (options.health !== undefined) healthRoutes(options.health)(router);
  const services = [...new Set(router.handlers.map((handler) => handler.service))];
  if (options.reflection === true) reflectionRoutes(services)(router);
  const served = [...new Set(router.handlers.map((handler) => handler.service))];
  assertPolicies(served, options.audience ?? "clients");
  const unknown = createConnectRouter({ ...routerOptions, requestGate: guards.unknownMethodGate });
  unknownMethodRoutes(unknown);
  return {
    services: served,
    handle: createListener(options, router.handlers, unknown.handlers),
    shutdown: () => shutdown.abort(statusOfFault(drainingFault())),
  };
}

function createListener(
  options: RpcHandlerOptions,
  handlers: readonly UniversalHandler[],
  unknown: readonly UniversalHandler[],
): RpcHandler["handle"] {
  const paths = new Map(handlers.map((handler) => [handler.requestPath, handler]));
  const pushMethods = new Set<DescMethod>(options.pushMethods);
  const crossOrigin = createCrossOrigin(options.corsOrigins ?? []);
  return (request, response) => {
    if (crossOrigin.handle(request, response)) return;
    const [path = ""] = (request.url ?? "").split("?", 1);
    const route = options.httpRoutes?.get(path);
    if (route !== undefined) {
      answerRoute(route, request, response).catch((error: unknown) => {
        options.logger.error("a plain route failed", { path, error: ConnectError.from(error) });
        if (!response.headersSent) answerText(response, 503, "It cannot be answered now - try again.");
      });
      return;
    }
    const handler = paths.get(path) ?? unknownHandler(unknown, request);
    if (handler === undefined) {
      answerText(response, 404, "There is nothing at this path.");
      return;
    }
    const logUndelivered = (error: unknown): void =>
      options.logger.debug("a response was not delivered", {
        path: paths.has(path) ? path : undefined,
        code: codeName(ConnectError.from(error).code),
      });
    const push = pushMethods.has(handler.method)
      ? new ResponsePushStream(response, handler.method.output, options.interceptors.limits)
      : undefined;
    serve(handler, request, response, push).catch(logUndelivered);
  };
}

async function serve(
  handler: UniversalHandler,
  request: NodeServerRequest,
  response: NodeServerResponse,
  push: ResponsePushStream | undefined,
): Promise<void> {
  const values = createContextValues().set(addressKey, addressKeyOf(request.socket.remoteAddress));
  if (push !== undefined) values.set(pushStreamKey, push);
  let universalRequest: ReturnType<typeof universalRequestFromNodeRequest>;
  try {
    universalRequest = universalRequestFromNodeRequest(request, response, undefined, values);
  } catch {
    // No authority, or one that does not make a URL: there is no protocol to answer in yet.
    answerText(response, 400, "The request names no valid host.");
    return;
  }
  const universalResponse = await handler(universalRequest);
  if (push === undefined) await universalResponseToNodeResponse(universalResponse, response);
  else await finishPushStream(push, universalResponse, response);
}

/** The stand-in that speaks the request's protocol, when it is a POST in one of ours. */
function unknownHandler(
  handlers: readonly UniversalHandler[],
  request: NodeServerRequest,
): UniversalHandler | undefined {
  const contentType = request.headers["content-type"] ?? "";
  if (request.method !== "POST") return undefined;
  const kind = contentType.startsWith("application/connect+") ? "server_streaming" : "unary";
  return handlers.find(
    (handler) => handler.method.methodKind === kind && handler.supportedContentType(contentType),
  );
}

async function answerRoute(
  route: () => HttpAnswer | Promise<HttpAnswer>,
  request: NodeServerRequest,
  response: NodeServerResponse,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    answerText(response, 405, "Only GET and HEAD work here.");
    return;
  }
  const answer = await route();
  response.writeHead(answer.status, {
    "content-type": answer.contentType,
    "content-length": Buffer.byteLength(answer.body),
  });
  if (request.method === "GET") response.write(answer.body);
  response.end();
}

function answerText(response: NodeServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  response.write(`${text}\n`);
  response.end();
}
