import { fromBinary } from "@bufbuild/protobuf";
import type { Failure } from "../../../gen/parley/error/v1/failure_pb.ts";
import { AttachRequestSchema } from "../../../gen/parley/session/v1/session_service_pb.ts";
import type { MessageRouteDeps } from "../../message/routes.ts";
import type { ValidateMessage } from "../../rpc/message-validator.ts";
import type { SessionRegistry } from "../../session/session-registry.ts";
import { serveAttach } from "./edge-attach.ts";
import { type EdgeHandler, edgeMethods } from "./edge-methods.ts";
import { decodeGreeting, type EdgeGreeting, encodeFailure, encodeMessage } from "./edge-wire.ts";
import type { SimEndpoint } from "./sim-network.ts";
import type { SimStreamEnd } from "./sim-stream.ts";

/** The part of a node that its public edge serves. */
export interface EdgeOptions {
  readonly endpoint: SimEndpoint;
  readonly registry: SessionRegistry;
  readonly messages: MessageRouteDeps;
  readonly validateMessage: ValidateMessage;
  readonly failureOf: (error: unknown, where?: string) => Failure;
}

/** Serves simulated clients, in place of the public listeners of a node. Resolves when they can come. */
export async function serveEdge(options: EdgeOptions): Promise<void> {
  const handlers = edgeMethods(options.messages, options.validateMessage);
  await options.endpoint.listen((stream) => {
    let greeting: EdgeGreeting | undefined;
    stream.listen({
      onFrame: (frame) => {
        if (greeting === undefined) greeting = decodeGreeting(frame);
        else if (greeting.call === "attach")
          serveAttach(options, { stream, caller: greeting.caller, open: openOf(frame) });
        else void serveCall(options, handlers, { stream, greeting, request: frame });
      },
      onDrain: () => undefined,
      onClosed: () => undefined,
    });
  });
}

interface EdgeCall {
  readonly stream: SimStreamEnd;
  readonly greeting: EdgeGreeting;
  readonly request: Uint8Array;
}

async function serveCall(
  options: EdgeOptions,
  handlers: ReadonlyMap<string, EdgeHandler>,
  { stream, greeting, request }: EdgeCall,
): Promise<void> {
  const handler = handlers.get(greeting.call);
  if (handler === undefined) throw new Error(`no simulated client may call ${greeting.call}`);
  try {
    stream.write(encodeMessage([await handler(request, greeting.caller)]));
  } catch (error) {
    stream.write(encodeFailure(options.failureOf(error, greeting.call)));
  }
  stream.finish();
}

function openOf(frame: Uint8Array) {
  const kind = fromBinary(AttachRequestSchema, frame).frame?.kind;
  if (kind?.case !== "open") throw new Error("a simulated client did not say open first");
  return kind.value;
}
