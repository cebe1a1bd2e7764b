import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { type Echo, EchoSchema, EchoService } from "./fixtures/echo-service.ts";
import { protocolNames, startTestNode, type TestNode, transportOf } from "./fixtures/test-node.ts";

function echoRoutes(router: ConnectRouter): void {
  router.service(EchoService, {
    say: (request) => request,
    sayPrivately: (request) => request,
    repeat: async function* (request) {
      for (let number = 0n; number < request.number; number += 1n) yield { text: request.text, number };
    },
    push: async function* (request) {
      yield request;
    },
    talk: async function* (requests) {
      yield* requests;
    },
  });
}

async function* oneAndTwo(): AsyncGenerator<Echo> {
  yield create(EchoSchema, { text: "one" });
  yield create(EchoSchema, { text: "two" });
}

/** Sends bytes and collects what comes back until the server closes. */
async function exchange(node: TestNode, bytes: string): Promise<string> {
  const socket = net.connect(node.port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  socket.write(bytes, "latin1");
  await once(socket, "close");
  return answer;
}

describe("one cleartext port", () => {
  test.each(protocolNames)("answers unary calls and server streams over %s", async (name) => {
    await using node = await startTestNode({ routes: echoRoutes });
    const client = createClient(EchoService, transportOf(name, node.url));
    expect(await client.say({ text: "hi", number: 7n })).toMatchObject({ text: "hi", number: 7n });
    const numbers = [];
    for await (const echo of client.repeat({ text: "x", number: 3n })) numbers.push(echo.number);
    expect(numbers).toEqual([0n, 1n, 2n]);
    expect([node.bugs, node.violations]).toEqual([[], []]);
  });

  test.each(["grpc", "connect h2", "connect+json h2"] as const)(
    "answers bidi streams over %s",
    async (name) => {
      await using node = await startTestNode({ routes: echoRoutes });
      const client = createClient(EchoService, transportOf(name, node.url));
      const texts: string[] = [];
      for await (const echo of client.talk(oneAndTwo())) texts.push(echo.text);
      expect(texts).toEqual(["one", "two"]);
    },
  );

  test("refuses bidi streams over HTTP/1.1 with 505", async () => {
    await using node = await startTestNode({ routes: echoRoutes });
    const response = await fetch(`${node.url}/test.echo.v1.EchoService/Talk`, {
      method: "POST",
      headers: { "content-type": "application/connect+json" },
      body: "",
    });
    expect(response.status).toBe(505);
  });

  test("serves plain routes for GET and HEAD, 405 for others, 404 beside them", async () => {
    const httpRoutes = new Map([
      ["/.well-known/jwks.json", () => ({ status: 200, contentType: "application/json", body: "{}" })],
    ]);
    await using node = await startTestNode({ routes: echoRoutes, handler: { httpRoutes } });
    const url = `${node.url}/.well-known/jwks.json`;
    const got = await fetch(url);
    expect([got.status, got.headers.get("content-type"), await got.text()]).toEqual([
      200,
      "application/json",
      "{}",
    ]);
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await fetch(url, { method: "PUT" })).status).toBe(405);
    expect((await fetch(`${node.url}/nothing`)).status).toBe(404);
  });
});

describe("paths that no method has", () => {
  test.each(protocolNames)("answer UNIMPLEMENTED with UNKNOWN_METHOD over %s", async (name) => {
    await using node = await startTestNode({ routes: () => undefined });
    const client = createClient(EchoService, transportOf(name, node.url));
    const error = await client.say({}).catch((thrown: unknown) => ConnectError.from(thrown));
    if (!(error instanceof ConnectError)) throw new Error("the call succeeded");
    expect(error.code).toBe(Code.Unimplemented);
    expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: "UNKNOWN_METHOD",
      domain: "parley",
    });
    const stream = client.repeat({})[Symbol.asyncIterator]();
    await expect(stream.next()).rejects.toMatchObject({ code: Code.Unimplemented });
    expect(node.violations).toEqual([]);
  });
});

describe("hostile connections", () => {
  test("a silent one and one that stops within the preface are closed after 5 s, a talking one is not", async () => {
    const clock = new FakeClock();
    await using node = await startTestNode({ routes: echoRoutes, clock });
    const silent = net.connect(node.port, "127.0.0.1");
    const half = net.connect(node.port, "127.0.0.1");
    const talking = net.connect(node.port, "127.0.0.1");
    await Promise.all([silent, half, talking].map((socket) => once(socket, "connect")));
    half.write("PRI * HTTP/2.0\r\n");
    talking.write("GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n");
    await once(talking, "data");
    const closed = Promise.all([once(silent, "close"), once(half, "close")]);
    for (const socket of [silent, half]) socket.resume();
    await waitUntil("both to be pending", () => clock.pendingTimers === 2);
    await clock.advance(5_000);
    await closed;
    expect(talking.closed).toBe(false);
    talking.destroy();
    expect(clock.pendingTimers).toBe(0);
  });

  test("a preface that comes byte by byte is HTTP/2", async () => {
    await using node = await startTestNode({ routes: echoRoutes });
    const socket = net.connect(node.port, "127.0.0.1").setNoDelay(true);
    for (const byte of "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // An empty SETTINGS frame; the server answers with its own.
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    const answer = await waitUntil("a frame", (): Buffer | null => socket.read());
    expect(answer[3]).toBe(4);
    socket.destroy();
  });

  test.each([
    ["garbage", "\u0000\u0001garbage\r\n\r\n", "HTTP/1.1 400"],
    ["a huge header", `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(20_000)}\r\n\r\n`, "HTTP/1.1 431"],
    ["no host", "POST /test.echo.v1.EchoService/Say HTTP/1.0\r\n\r\n", "HTTP/1.1 400"],
    [
      "a host that is none",
      "POST /test.echo.v1.EchoService/Say HTTP/1.1\r\nhost: a b:c\r\nconnection: close\r\n\r\n",
      "HTTP/1.1 400",
    ],
  ])("%s is answered with an error, and the node lives", async (_, bytes, start) => {
    await using node = await startTestNode({ routes: echoRoutes });
    expect((await exchange(node, bytes)).slice(0, start.length)).toBe(start);
    expect((await fetch(`${node.url}/nothing`)).status).toBe(404);
    expect(node.bugs).toEqual([]);
  });

  test("headers that never end time out although the HTTP server itself does not listen", async () => {
    await using node = await startTestNode({
      routes: echoRoutes,
      connections: { headersMsMax: 50, requestMsMax: 60 },
    });
    expect(await exchange(node, "GET / HTTP/1.1\r\nhost: a\r\n")).toContain("HTTP/1.1 408");
  });

  test("a body that never ends times out", async () => {
    await using node = await startTestNode({
      routes: echoRoutes,
      connections: { headersMsMax: 50, requestMsMax: 60 },
    });
    const head =
      "POST /test.echo.v1.EchoService/Say HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    expect(await exchange(node, `${head}content-length: 100\r\n\r\n{`)).toContain("HTTP/1.1 408");
    expect(node.bugs).toEqual([]);
  });

  test("an idle connection is closed after keepAliveMs, its answer delivered", async () => {
    await using node = await startTestNode({ routes: echoRoutes, connections: { keepAliveMs: 50 } });
    const startMs = performance.now();
    expect(await exchange(node, "GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n")).toContain("HTTP/1.1 404");
    expect(performance.now() - startMs).toBeGreaterThan(40);
  });

  test("connections over the limits are closed at once, and room is given back", async () => {
    await using node = await startTestNode({
      routes: echoRoutes,
      connections: { connectionsPerAddressMax: 2 },
    });
    const open = [net.connect(node.port, "127.0.0.1"), net.connect(node.port, "127.0.0.1")];
    await Promise.all(open.map((socket) => once(socket, "connect")));
    expect(await exchange(node, "")).toBe("");
    for (const socket of open) socket.destroy();
    await waitUntil("room", () =>
      fetch(`${node.url}/nothing`).then(
        ({ status }) => status === 404,
        () => false,
      ),
    );
  });
});

describe("limits of an HTTP/2 session", () => {
  test("are what the options say, and a client that resets streams in a burst is sent away", async () => {
    await using node = await startTestNode({
      routes: echoRoutes,
      connections: { streamsPerSessionMax: 7, streamResetBurst: 5, streamResetRatePerSecond: 1 },
    });
    const session = http2.connect(node.url);
    session.on("error", () => undefined);
    await once(session, "remoteSettings");
    expect(session.remoteSettings).toMatchObject({ maxConcurrentStreams: 7, maxHeaderListSize: 16_384 });
    const gone = once(session, "goaway");
    for (let round = 0; round < 50 && !session.destroyed; round += 1) {
      const stream = session.request({ ":method": "POST", ":path": "/x" });
      stream.on("error", () => undefined);
      stream.close(http2.constants.NGHTTP2_CANCEL);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await gone;
    session.destroy();
  });

  test("a request with too many header fields is reset and never becomes a call", async () => {
    await using node = await startTestNode({ routes: echoRoutes });
    const session = http2.connect(node.url);
    session.on("error", () => undefined);
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`x-${index}`, "1"]));
    const stream = session.request({ ":path": "/nothing", ...many });
    await expect(once(stream, "response")).rejects.toThrow("NGHTTP2_ENHANCE_YOUR_CALM");
    session.destroy();
  });

  test("an idle connection is closed", async () => {
    await using node = await startTestNode({ routes: echoRoutes, connections: { sessionIdleMsMax: 50 } });
    const session = http2.connect(node.url);
    await once(session, "close");
    expect(session.destroyed).toBe(true);
  });
});

describe("stop", () => {
  test("ends open streams with DRAINING that clients retry, and closes every connection", async () => {
    const node = await startTestNode({
      routes: (router) => {
        router.rpc(EchoService.method.repeat, async function* (request, context) {
          yield request;
          await once(context.signal, "abort");
          throw context.signal.reason;
        });
      },
    });
    const client = createClient(EchoService, transportOf("grpc-web h1", node.url));
    const stream = client.repeat({ text: "x" })[Symbol.asyncIterator]();
    await stream.next();
    const ended = stream.next().then(
      () => new Error("the stream went on"),
      (error: unknown) => ConnectError.from(error),
    );
    await node.server.stop();
    expect(await ended).toMatchObject({ code: Code.Unavailable });
    expect(node.violations).toEqual([]);
    await expect(fetch(node.url)).rejects.toThrow("fetch failed");
  });

  test("lets calls end, but cuts what outlives the deadline", async () => {
    const node = await startTestNode({
      stopMs: 50,
      routes: (router) => {
        router.rpc(EchoService.method.repeat, async function* (request) {
          yield request;
          await new Promise(() => undefined);
        });
      },
    });
    const client = createClient(EchoService, transportOf("grpc-web h1", node.url));
    const stream = client.repeat({ text: "x" })[Symbol.asyncIterator]();
    await stream.next();
    const ended = stream.next().catch((error: unknown) => ConnectError.from(error));
    await node.server.stop();
    expect(await ended).toBeInstanceOf(ConnectError);
  });
});
