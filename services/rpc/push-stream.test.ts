import { once } from "node:events";
import http2 from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createClient,
  type HandlerContext,
} from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { type Echo, EchoSchema, EchoService } from "./fixtures/echo-service.ts";
import { protocolNames, startTestNode, transportOf } from "./fixtures/test-node.ts";
import { pushResponse, pushStreamOf } from "./push-stream.ts";

type PushHandler = (request: Echo, context: HandlerContext) => AsyncIterable<Echo>;

function pushRoutes(handler: PushHandler): (router: ConnectRouter) => void {
  return (router) => void router.rpc(EchoService.method.push, handler);
}

function encoded(text: string, number = 0n): Uint8Array {
  return toBinary(EchoSchema, create(EchoSchema, { text, number }));
}

/** Reads a stream to its end: the texts of its messages, and the error that ended it. */
async function readAll(stream: AsyncIterable<Echo>): Promise<{ texts: string[]; error?: ConnectError }> {
  const texts: string[] = [];
  try {
    for await (const echo of stream) texts.push(echo.text);
  } catch (error) {
    return { texts, error: ConnectError.from(error) };
  }
  return { texts };
}

const fault = new Fault(ErrorReason.OVERLOADED, "Too many streams", {
  metadata: { limit: "attached" },
  retryDelayMs: 1500,
});

describe.each(protocolNames)("a push stream over %s", (name) => {
  test("delivers pushed messages in order, whole or in parts, then status OK", async () => {
    await using node = await startTestNode({
      routes: pushRoutes((_, context) =>
        pushResponse(context, async (push) => {
          const two = encoded("two", 2n);
          push.write(encoded("one"));
          push.write([two.subarray(0, 3), two.subarray(3)]);
          push.flush();
          await new Promise((resolve) => setImmediate(resolve));
          push.write(encoded("three"));
        }),
      ),
    });
    const client = createClient(EchoService, transportOf(name, node.url));
    expect(await readAll(client.push({}))).toEqual({ texts: ["one", "two", "three"] });
    expect(node.bugs).toEqual([]);
  });

  test("an error before the first message has its status, reason and retry delay", async () => {
    await using node = await startTestNode({
      routes: pushRoutes((_, context) =>
        pushResponse(context, async () => {
          throw fault;
        }),
      ),
    });
    const client = createClient(EchoService, transportOf(name, node.url));
    const { texts, error } = await readAll(client.push({}));
    expect([texts, error?.code]).toEqual([[], Code.Unavailable]);
    expect(error?.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: "OVERLOADED",
      metadata: { limit: "attached" },
    });
    expect(node.violations).toEqual([]);
  });

  test("an error after messages ends the stream with them delivered", async () => {
    await using node = await startTestNode({
      routes: pushRoutes((_, context) =>
        pushResponse(context, async (push) => {
          push.write(encoded("one"));
          push.flush();
          throw fault;
        }),
      ),
    });
    const client = createClient(EchoService, transportOf(name, node.url));
    const { texts, error } = await readAll(client.push({}));
    expect([texts, error?.code]).toEqual([["one"], Code.Unavailable]);
    expect(error?.findDetails(ErrorInfoSchema)).toHaveLength(1);
  });

  test("a handler that only yields works as on any method", async () => {
    await using node = await startTestNode({
      routes: pushRoutes(async function* (request) {
        yield request;
        yield request;
      }),
    });
    const client = createClient(EchoService, transportOf(name, node.url));
    expect(await readAll(client.push({ text: "x" }))).toEqual({ texts: ["x", "x"] });
  });

  test("headers that the handler sets before the first flush reach the client, before any message", async () => {
    const opened = Promise.withResolvers<void>();
    await using node = await startTestNode({
      routes: pushRoutes((_, context) =>
        pushResponse(context, async (push) => {
          context.responseHeader.set("x-test", "yes");
          push.open();
          await opened.promise;
        }),
      ),
    });
    const client = createClient(EchoService, transportOf(name, node.url));
    const stream = client.push(
      {},
      {
        onHeader: (header) => {
          expect(header.get("x-test")).toBe("yes");
          opened.resolve();
        },
      },
    );
    expect(await readAll(stream)).toEqual({ texts: [] });
  });

  test("the handler's signal aborts when the client leaves", async () => {
    const left = Promise.withResolvers<void>();
    await using node = await startTestNode({
      routes: pushRoutes((_, context) =>
        pushResponse(context, async (push) => {
          push.signal.addEventListener("abort", () => left.resolve());
          push.write(encoded("one"));
          push.flush();
          await left.promise;
          push.write(encoded("dropped"));
          expect(push.flush()).toBe(true);
        }),
      ),
    });
    const client = createClient(EchoService, transportOf(name, node.url));
    const leaving = new AbortController();
    const stream = client.push({}, { signal: leaving.signal })[Symbol.asyncIterator]();
    await stream.next();
    leaving.abort();
    await expect(stream.next()).rejects.toMatchObject({ code: Code.Canceled });
    await left.promise;
    expect(node.bugs).toEqual([]);
  });
});

/** A raw HTTP/2 call of a method whose request is still to be sent. */
function openCall(
  url: string,
  method: "Push" | "Talk",
): { session: http2.ClientHttp2Session; stream: http2.ClientHttp2Stream } {
  const session = http2.connect(url);
  const stream = session.request({
    ":method": "POST",
    ":path": `/test.echo.v1.EchoService/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  return { session, stream };
}

/** A call of the push method with its request sent, and nothing read. */
function stalledCall(url: string): ReturnType<typeof openCall> {
  const { session, stream } = openCall(url, "Push");
  stream.end(Buffer.alloc(5));
  stream.pause();
  return { session, stream };
}

describe("back-pressure of a push stream", () => {
  test("flush answers false, unflushed bytes grow by exactly what is written, drain follows reading", async () => {
    const stalled = Promise.withResolvers<{ before: number; after: number }>();
    const drained = Promise.withResolvers<number>();
    const message = encoded("", 1n);
    const big = create(EchoSchema, { text: "x".repeat(60_000) });
    await using node = await startTestNode({
      routes: pushRoutes((_, context) =>
        pushResponse(context, async (push) => {
          push.onDrain(() => drained.resolve(push.unflushedBytes));
          // The client's window (64 KiB) and the socket take some; then nothing moves.
          for (push.write(toBinary(EchoSchema, big)); push.flush(); push.write(toBinary(EchoSchema, big))) {
            await new Promise((resolve) => setImmediate(resolve));
          }
          const before = push.unflushedBytes;
          push.write(message);
          const queued = push.unflushedBytes;
          expect(queued).toBe(before + message.byteLength + 5);
          expect(push.flush()).toBe(false);
          stalled.resolve({ before, after: push.unflushedBytes });
          await drained.promise;
        }),
      ),
    });
    const { session, stream } = stalledCall(node.url);
    const { before, after } = await stalled.promise;
    expect(after).toBe(before + message.byteLength + 5);
    stream.resume();
    expect(await drained.promise).toBe(0);
    await waitUntil("the stream to end", () => stream.closed);
    session.close();
    expect(node.bugs).toEqual([]);
  });

  test("what is over the limit of one stream is refused as a bug, and the node lives", async () => {
    await using node = await startTestNode({
      calls: { writeBytesMax: 100_000, unflushedBytesMax: 300_000 },
      routes: pushRoutes((_, context) =>
        pushResponse(context, async (push) => {
          for (;;) {
            push.write(encoded("x".repeat(50_000)));
            push.flush();
          }
        }),
      ),
    });
    const { session, stream } = stalledCall(node.url);
    await waitUntil("the bug", () => node.bugs.length === 1);
    expect(String(node.bugs[0])).toContain("at most 300000");
    stream.destroy();
    session.close();
  });

  test("several messages of one flush leave in one DATA frame", async () => {
    await using node = await startTestNode({
      routes: pushRoutes((_, context) =>
        pushResponse(context, async (push) => {
          for (const text of ["a", "b", "c"]) push.write(encoded(text));
          push.flush();
        }),
      ),
    });
    const { session, stream } = stalledCall(node.url);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    session.close();
    expect(chunks).toHaveLength(1);
    const [bytes = Buffer.alloc(0)] = chunks;
    expect(fromBinary(EchoSchema, bytes.subarray(5, 5 + bytes.readUInt32BE(1))).text).toBe("a");
  });
});

test("a client that goes on with its own half has its stream reset without an error once the response has ended", async () => {
  await using node = await startTestNode({
    routes: (router) =>
      void router.rpc(EchoService.method.talk, (_, context) =>
        pushResponse(context, async (push) => {
          push.write(encoded("last"));
          push.flush();
        }),
      ),
    handler: { pushMethods: [EchoService.method.talk] },
  });
  const { session, stream } = openCall(node.url, "Talk");
  stream.write(Buffer.alloc(5));
  let trailers: http2.IncomingHttpHeaders = {};
  stream.once("trailers", (received) => (trailers = received));
  stream.resume();
  await once(stream, "close");
  session.destroy();
  expect(trailers["grpc-status"]).toBe("0");
  expect(stream.rstCode).toBe(http2.constants.NGHTTP2_NO_ERROR);
});

test("a method that was not declared hot has no push stream", async () => {
  await using node = await startTestNode({
    routes: (router) => {
      router.rpc(EchoService.method.repeat, async function* (request, context) {
        pushStreamOf(context).flush();
        yield request;
      });
    },
  });
  const client = createClient(EchoService, transportOf("connect h1", node.url));
  const { error } = await readAll(client.repeat({}));
  expect(error?.code).toBe(Code.Internal);
  expect(String(node.bugs[0])).toContain("not declared a push method");
});
