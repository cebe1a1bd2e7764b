import { createClient } from "@connectrpc/connect";
import {
  INVALID_SPAN_CONTEXT,
  type Span,
  type SpanStatus,
  SpanStatusCode,
  type Tracer,
} from "@opentelemetry/api";
import { expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { systemRng } from "../kernel/system-rng.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { EchoService } from "./fixtures/echo-service.ts";
import { fixedAuthenticator, transportOf } from "./fixtures/test-node.ts";
import { createInterceptors } from "./interceptors.ts";
import { createOnePortServer } from "./one-port-server.ts";
import { createRpcHandler } from "./rpc-handler.ts";
import { spanKey } from "./trace-interceptor.ts";

interface RecordedSpan {
  readonly name: string;
  status: SpanStatus | undefined;
  ended: boolean;
}

/** A tracer that keeps its spans. */
function recordingTracer(spans: RecordedSpan[]): Tracer {
  const startSpan = (name: string): Span => {
    const recorded: RecordedSpan = { name, status: undefined, ended: false };
    spans.push(recorded);
    const span: Span = {
      spanContext: () => INVALID_SPAN_CONTEXT,
      setAttribute: () => span,
      setAttributes: () => span,
      addEvent: () => span,
      addLink: () => span,
      addLinks: () => span,
      setStatus: (status) => {
        recorded.status = status;
        return span;
      },
      updateName: () => span,
      end: () => {
        recorded.ended = true;
      },
      isRecording: () => true,
      recordException: () => undefined,
    };
    return span;
  };
  return {
    startSpan,
    startActiveSpan: () => {
      throw new Error("not used");
    },
  };
}

test("each call has one span, visible to its implementation, that ends with the call and says how", async () => {
  const spans: RecordedSpan[] = [];
  const parts = { clock: systemClock(), logger: silentLogger, metrics: silentMetrics };
  const interceptors = createInterceptors({
    ...parts,
    rng: systemRng(),
    authenticator: fixedAuthenticator,
    tracer: recordingTracer(spans),
  });
  const handler = createRpcHandler({
    interceptors,
    logger: silentLogger,
    routes: (router) => {
      router.service(EchoService, {
        say: (_, context) => ({ text: String(context.values.get(spanKey)?.isRecording()) }),
        repeat: async function* (request) {
          yield request;
          expect(spans.at(-1)?.ended).toBe(false);
          throw new Fault(ErrorReason.NOT_A_MEMBER, "no");
        },
      });
    },
  });
  await using server = createOnePortServer({ ...parts, handler, host: "127.0.0.1", port: 0, stopMs: 1_000 });
  const { port } = await server.listen();
  const client = createClient(EchoService, transportOf("connect h1", `http://127.0.0.1:${port}`));
  expect((await client.say({})).text).toBe("true");
  const stream = client.repeat({})[Symbol.asyncIterator]();
  await stream.next();
  await expect(stream.next()).rejects.toThrow("no");
  await waitUntil("both spans to end", () => spans.every((span) => span.ended));
  expect(spans).toMatchObject([
    { name: "test.echo.v1.EchoService/Say", status: undefined },
    {
      name: "test.echo.v1.EchoService/Repeat",
      status: { code: SpanStatusCode.ERROR, message: "NOT_A_MEMBER" },
    },
  ]);
});
