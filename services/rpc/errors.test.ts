import { once } from "node:events";
import http2 from "node:http2";
import { Code, ConnectError, type ConnectRouter, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ErrorReason, StatusCode } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { type Logger, silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { systemRng } from "../kernel/system-rng.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { nonConformity } from "./error-conformance.ts";
import { createErrorMapper, statusOfFault } from "./error-mapper.ts";
import { EchoService } from "./fixtures/echo-service.ts";
import { protocolNames, startTestNode, type TestNode, transportOf } from "./fixtures/test-node.ts";

function echoRoutes(router: ConnectRouter): void {
  router.service(EchoService, {
    say: (request) => request,
    repeat: async function* (request) {
      yield request;
    },
  });
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("the call succeeded");
}

function reasonOf(error: ConnectError): string | undefined {
  return error.findDetails(ErrorInfoSchema)[0]?.reason;
}

describe.each(protocolNames)("errors over %s", (name) => {
  test("a fault keeps reason, metadata, retry delay and text", async () => {
    await using node = await startTestNode({
      routes: (router) => {
        router.rpc(EchoService.method.say, () => {
          throw new Fault(ErrorReason.STORE_UNAVAILABLE, "No store: 3 of 4, try later", {
            metadata: { detail: "a b" },
            retryDelayMs: 1250,
          });
        });
      },
    });
    const error = await errorOf(createClient(EchoService, transportOf(name, node.url)).say({}));
    expect([error.code, error.rawMessage]).toEqual([Code.Unavailable, "No store - 3 of 4 - try later"]);
    expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: "STORE_UNAVAILABLE",
      domain: "parley",
      metadata: { detail: "a b" },
    });
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({
      seconds: 1n,
      nanos: 250_000_000,
    });
    expect(node.violations).toEqual([]);
  });

  test("an unexpected error leaves as BUG with an incident id and nothing of its text", async () => {
    await using node = await startTestNode({
      routes: (router) => {
        router.service(EchoService, {
          say: () => {
            throw new Error("secret");
          },
          repeat: async function* (request) {
            if (request.text === "") throw new ConnectError("secret", Code.DataLoss);
            yield request;
          },
        });
      },
    });
    const client = createClient(EchoService, transportOf(name, node.url));
    const calls = [client.say({}), client.repeat({})[Symbol.asyncIterator]().next()];
    for (const error of await Promise.all(calls.map(errorOf))) {
      expect([error.code, reasonOf(error)]).toEqual([Code.Internal, "BUG"]);
      expect(error.message).not.toContain("secret");
      expect(error.findDetails(ErrorInfoSchema)[0]?.metadata["incident_id"]).toMatch(/^[0-9a-f-]{36}$/);
    }
    expect(node.bugs).toHaveLength(2);
    expect(node.violations).toHaveLength(2);
  });

  test("a field over its bound is INVALID_FIELD with every violation listed", async () => {
    await using node = await startTestNode({ routes: echoRoutes });
    const client = createClient(EchoService, transportOf(name, node.url));
    const bad = { text: "x".repeat(1001) };
    const calls = [client.say(bad), client.repeat(bad)[Symbol.asyncIterator]().next()];
    for (const error of await Promise.all(calls.map(errorOf))) {
      expect([error.code, reasonOf(error)]).toEqual([Code.InvalidArgument, "INVALID_FIELD"]);
      expect(error.findDetails(ErrorInfoSchema)[0]?.metadata).toEqual({
        field: "text",
        rule: "string.max_len",
      });
      expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([{ field: "text" }]);
    }
    expect(node.violations).toEqual([]);
  });

  test("a request over the limit is REQUEST_TOO_LARGE with the limit", async () => {
    await using node = await startTestNode({ routes: echoRoutes, calls: { readBytesMax: 100 } });
    const client = createClient(EchoService, transportOf(name, node.url));
    const big = { text: "x".repeat(200) };
    const calls = [client.say(big), client.repeat(big)[Symbol.asyncIterator]().next()];
    for (const error of await Promise.all(calls.map(errorOf))) {
      expect([error.code, reasonOf(error)]).toEqual([Code.ResourceExhausted, "REQUEST_TOO_LARGE"]);
      expect(error.findDetails(ErrorInfoSchema)[0]?.metadata).toEqual({ limit_bytes: "100" });
    }
    expect(node.violations).toEqual([]);
  });

  test("a response over the limit is a bug of the node", async () => {
    await using node = await startTestNode({
      routes: (router) => void router.rpc(EchoService.method.say, () => ({ text: "x".repeat(200) })),
      calls: { writeBytesMax: 100 },
    });
    const error = await errorOf(createClient(EchoService, transportOf(name, node.url)).say({}));
    expect(reasonOf(error)).toBe("BUG");
    expect(node.bugs).toHaveLength(1);
  });

  test("a method without implementation is UNKNOWN_METHOD", async () => {
    await using node = await startTestNode({ routes: echoRoutes });
    const client = createClient(EchoService, transportOf(name, node.url));
    const options = { headers: { authorization: "Bearer alice" } };
    const error = await errorOf(client.sayPrivately({}, options));
    expect([error.code, reasonOf(error)]).toEqual([Code.Unimplemented, "UNKNOWN_METHOD"]);
    expect([node.bugs, node.violations]).toEqual([[], []]);
  });

  test("a stated deadline that passes is DEADLINE_PASSED; one over the maximum is malformed", async () => {
    await using node = await startTestNode({
      routes: (router) => void router.rpc(EchoService.method.say, () => new Promise(() => undefined)),
      calls: { timeoutMsMax: 5_000 },
    });
    const client = createClient(EchoService, transportOf(name, node.url));
    const passed = await errorOf(client.say({}, { timeoutMs: 30 }));
    expect(passed.code).toBe(Code.DeadlineExceeded);
    const refused = await errorOf(client.say({}, { timeoutMs: 6_000 }));
    expect([refused.code, reasonOf(refused)]).toEqual([Code.InvalidArgument, "MALFORMED_REQUEST"]);
    expect([node.bugs, node.violations]).toEqual([[], []]);
  });
});

test("a unary call without a deadline ends at the node's default, with one at the node's maximum", async () => {
  const clock = new FakeClock();
  await using node = await startTestNode({
    clock,
    routes: (router) => void router.rpc(EchoService.method.say, () => new Promise(() => undefined)),
  });
  const client = createClient(EchoService, transportOf("connect h1", node.url));
  const calls = [errorOf(client.say({})), errorOf(client.say({}, { timeoutMs: 1e7 }))];
  // One timer per call; those of the connections are over once the protocol was told.
  await clock.advanceUntil("both calls", () => clock.pendingTimers === 2, 0).catch(() => undefined);
  while (clock.pendingTimers !== 2) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(10_000);
  expect(reasonOf((await calls[0]) ?? new ConnectError("none"))).toBe("DEADLINE_PASSED");
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(50_000);
  expect(reasonOf((await calls[1]) ?? new ConnectError("none"))).toBe("DEADLINE_PASSED");
  expect(clock.pendingTimers).toBe(0);
});

interface RawRequest {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
  readonly headers?: Record<string, string>;
}

/** Sends one raw body; answers what came back, body and trailers, as text. */
async function post(node: TestNode, { path, type, body, headers }: RawRequest): Promise<string> {
  const session = http2.connect(node.url);
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": type, ...headers });
  let answer = "";
  stream.on("trailers", (trailers) => (answer += JSON.stringify(trailers)));
  stream.end(body);
  await once(stream, "response");
  for await (const chunk of stream) answer += chunk.toString("latin1");
  session.close();
  return answer;
}

function envelope(flags: number, data: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(data.length, 1);
  return Buffer.concat([head, data]);
}

const malformed = Buffer.from([0x0a, 0xff]);

const [say, repeat] = ["/test.echo.v1.EchoService/Say", "/test.echo.v1.EchoService/Repeat"];
const empty = envelope(0, Buffer.alloc(0));
const damaged = envelope(1, malformed);
const invalidJson = /"code":"invalid_argument"/;
const invalidStatus = /grpc-status"?: ?"?3/;

/** What a client could send by mistake, by name, and how its protocol says that it was wrong. */
const mistakes: Record<string, RawRequest & { says: RegExp }> = {
  "a protobuf body": { path: say, type: "application/proto", body: malformed, says: invalidJson },
  "a JSON body": { path: say, type: "application/json", body: Buffer.from("{"), says: invalidJson },
  "a wrong type in JSON": {
    path: say,
    type: "application/json",
    body: Buffer.from('{"number":"x"}'),
    says: invalidJson,
  },
  "Connect with damaged gzip": {
    path: say,
    type: "application/proto",
    body: malformed,
    headers: { "content-encoding": "gzip" },
    says: invalidJson,
  },
  "gRPC with a broken message": {
    path: say,
    type: "application/grpc",
    body: envelope(0, malformed),
    says: invalidStatus,
  },
  "gRPC without a message": {
    path: say,
    type: "application/grpc",
    body: Buffer.alloc(0),
    says: invalidStatus,
  },
  "gRPC with half an envelope": {
    path: say,
    type: "application/grpc",
    body: Buffer.from([0, 0, 0]),
    says: invalidStatus,
  },
  "gRPC with two messages": {
    path: say,
    type: "application/grpc",
    body: Buffer.concat([empty, empty]),
    says: invalidStatus,
  },
  "gRPC with an unknown compression": {
    path: say,
    type: "application/grpc",
    body: damaged,
    headers: { "grpc-encoding": "zip" },
    says: invalidStatus,
  },
  "gRPC with a damaged compression": {
    path: say,
    type: "application/grpc",
    body: damaged,
    headers: { "grpc-encoding": "gzip" },
    says: invalidStatus,
  },
  "gRPC with a timeout that is none": {
    path: say,
    type: "application/grpc",
    body: empty,
    headers: { "grpc-timeout": "soon" },
    says: invalidStatus,
  },
  "gRPC-Web with a broken message": {
    path: say,
    type: "application/grpc-web+proto",
    body: envelope(0, malformed),
    says: invalidStatus,
  },
  "a stream of Connect with a broken message": {
    path: repeat,
    type: "application/connect+proto",
    body: envelope(0, malformed),
    says: invalidJson,
  },
  "a stream of Connect with broken JSON": {
    path: repeat,
    type: "application/connect+json",
    body: envelope(0, Buffer.from("[")),
    says: invalidJson,
  },
  "a stream of gRPC with a broken message": {
    path: repeat,
    type: "application/grpc",
    body: envelope(0, malformed),
    says: invalidStatus,
  },
};

describe("malformed requests answer MALFORMED_REQUEST", () => {
  test.each(Object.entries(mistakes))("%s", async (_, mistake) => {
    const codes: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      info: (_message, fields) => void codes.push(String(fields?.["reason"])),
    };
    await using node = await startTestNode({ routes: echoRoutes, logger });
    expect(await post(node, mistake)).toMatch(mistake.says);
    expect([codes, node.bugs, node.violations]).toEqual([["MALFORMED_REQUEST"], [], []]);
  });

  test.each([
    ["bad base64", "base64=1&message=%21%21&encoding=proto"],
    ["bad JSON", "message=%7B&encoding=json"],
    ["bad protobuf", "base64=1&message=Cv8&encoding=proto"],
  ])("a GET with %s", async (_, query) => {
    await using node = await startTestNode({ routes: echoRoutes });
    const response = await fetch(`${node.url}/test.echo.v1.EchoService/Say?connect=v1&${query}`);
    expect(await response.json()).toMatchObject({ code: "invalid_argument" });
    expect([response.status, node.bugs, node.violations]).toEqual([400, [], []]);
  });

  test("a GET that is right is answered", async () => {
    await using node = await startTestNode({ routes: echoRoutes });
    const query = new URLSearchParams({ connect: "v1", encoding: "json", message: '{"text":"hi"}' });
    const response = await fetch(`${node.url}/test.echo.v1.EchoService/Say?${query.toString()}`);
    expect(await response.json()).toEqual({ text: "hi" });
  });
});

describe("failureOf", () => {
  const bugs: unknown[] = [];
  const errors = createErrorMapper({
    rng: systemRng(),
    logger: silentLogger,
    metrics: silentMetrics,
    onBug: (error) => bugs.push(error),
  });

  test("says of a fault what its status would", () => {
    const failure = errors.failureOf(
      new Fault(ErrorReason.NOT_A_MEMBER, "You left", {
        metadata: { conversation_id: "c" },
        retryDelayMs: 10,
      }),
    );
    expect(failure).toMatchObject({
      reason: ErrorReason.NOT_A_MEMBER,
      code: StatusCode.PERMISSION_DENIED,
      message: "You left",
      metadata: { conversation_id: "c" },
      retryDelay: { seconds: 0n, nanos: 10_000_000 },
    });
  });

  test("says BUG of anything else, and reports it", () => {
    const failure = errors.failureOf(new TypeError("oops"));
    expect(failure).toMatchObject({ reason: ErrorReason.BUG, code: StatusCode.INTERNAL });
    expect(bugs).toHaveLength(1);
  });
});

test("every reason of the contract makes a status that conforms to it", () => {
  for (const reason of Object.values(ErrorReason)) {
    if (reason === ErrorReason.UNSPECIFIED || reason === ErrorReason.BUG) continue;
    expect(nonConformity(statusOfFault(new Fault(reason, "text", { retryDelayMs: 1 })))).toBeUndefined();
  }
});

test.each([
  ["a plain error", new Error("x"), "not a status"],
  ["a status without ErrorInfo", new ConnectError("x", Code.NotFound), "0 ErrorInfo"],
  ["a bug", statusOfFault(new Fault(ErrorReason.BUG, "x")), "a bug left"],
  ["UNAVAILABLE without RetryInfo", statusOfFault(new Fault(ErrorReason.OVERLOADED, "x")), "RetryInfo"],
])("the conformance check sees %s", (_, error, problem) => {
  expect(nonConformity(error)).toContain(problem);
});
