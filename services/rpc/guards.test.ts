import { Code, ConnectError, type ConnectRouter, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { RateClass } from "../../gen/parley/policy/v1/policy_pb.ts";
import type { LogFields, Logger } from "../kernel/logger.ts";
import { silentLogger } from "../kernel/logger.ts";
import { type Metrics, silentMetrics } from "../kernel/metrics.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { callerOf } from "./caller.ts";
import { addressKeyOf } from "./client-address.ts";
import { BareService, EchoService } from "./fixtures/echo-service.ts";
import { protocolNames, startTestNode, transportOf } from "./fixtures/test-node.ts";
import { policyOf } from "./method-policy.ts";
import type { ScopedRates } from "./rate-limits.ts";

function echoRoutes(router: ConnectRouter): void {
  router.service(EchoService, {
    say: (request) => request,
    sayPrivately: (_, context) => ({ text: callerOf(context).accountId }),
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

function bearer(token: string): { headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${token}` } };
}

describe("authentication", () => {
  test.each(protocolNames)(
    "gives a private method its caller over %s, and says why it refuses one",
    async (name) => {
      await using node = await startTestNode({ routes: echoRoutes });
      const client = createClient(EchoService, transportOf(name, node.url));
      expect(await client.sayPrivately({}, bearer("alice"))).toMatchObject({ text: "alice" });
      const refused = await Promise.all(
        [
          {},
          bearer("eve"),
          bearer("old"),
          bearer("x".repeat(5000)),
          { headers: { authorization: "Basic eA==" } },
        ].map((options) => errorOf(client.sayPrivately({}, options))),
      );
      expect(refused.map(reasonOf)).toEqual([
        "TOKEN_MISSING",
        "TOKEN_INVALID",
        "TOKEN_EXPIRED",
        "TOKEN_INVALID",
        "TOKEN_INVALID",
      ]);
      expect(new Set(refused.map((error) => error.code))).toEqual(new Set([Code.Unauthenticated]));
      expect(node.violations).toEqual([]);
    },
  );

  test("a public method ignores a token that has expired", async () => {
    await using node = await startTestNode({ routes: echoRoutes });
    const client = createClient(EchoService, transportOf("grpc", node.url));
    expect(await client.say({ text: "hi" }, bearer("old"))).toMatchObject({ text: "hi" });
  });

  test("an authenticator that breaks is a bug, not a refusal", async () => {
    await using node = await startTestNode({
      routes: echoRoutes,
      authenticator: { authenticate: () => Promise.reject(new Error("planted")) },
    });
    const client = createClient(EchoService, transportOf("connect h1", node.url));
    expect(reasonOf(await errorOf(client.sayPrivately({}, bearer("alice"))))).toBe("BUG");
    expect(node.bugs).toHaveLength(1);
  });

  test("a refusal does not wait for the body", async () => {
    await using node = await startTestNode({ routes: echoRoutes });
    const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("{")) });
    const response = await fetch(`${node.url}/test.echo.v1.EchoService/SayPrivately`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      duplex: "half",
    });
    expect(response.status).toBe(401);
  });
});

describe("policies", () => {
  test("a method takes from its service what it does not state itself", () => {
    expect(policyOf(EchoService.method.say)).toEqual({ auth: 1, rate: RateClass.WRITE });
    expect(policyOf(EchoService.method.sayPrivately)).toEqual({ auth: 2, rate: RateClass.WRITE });
  });

  test("a node with a method that states none does not start", async () => {
    const start = startTestNode({ routes: (router) => void router.service(BareService, {}) });
    await expect(start).rejects.toThrow("test.echo.v1.BareService/Say states no auth");
  });
});

const generous = { perSecond: 1000, burst: 1000 };

function writeRates(rates: Partial<ScopedRates>): Map<RateClass, ScopedRates> {
  return new Map([[RateClass.WRITE, { account: generous, device: generous, address: generous, ...rates }]]);
}

describe("rate limits", () => {
  test.each(["account", "device"] as const)(
    "count each %s on its own, and give back with time",
    async (scope) => {
      const clock = new FakeClock();
      const rates = writeRates({ [scope]: { perSecond: 1, burst: 2 } });
      await using node = await startTestNode({ routes: echoRoutes, clock, rates });
      const client = createClient(EchoService, transportOf("connect h1", node.url));
      const call = (token: string): Promise<unknown> => client.sayPrivately({}, bearer(token));
      await call("alice");
      await call("alice");
      const error = await errorOf(call("alice"));
      expect([error.code, reasonOf(error)]).toEqual([Code.ResourceExhausted, "RATE_LIMITED"]);
      expect(error.findDetails(ErrorInfoSchema)[0]?.metadata).toEqual({ rate_class: "WRITE", scope });
      expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({ seconds: 1n, nanos: 0 });
      await call("bob");
      await clock.advance(1_000);
      await call("alice");
      expect(reasonOf(await errorOf(call("alice")))).toBe("RATE_LIMITED");
      expect(node.violations).toEqual([]);
    },
  );

  test("count an address before any token is looked at, on streams and unknown methods too", async () => {
    const rates = writeRates({ address: { perSecond: 0.001, burst: 1 } });
    let asked = 0;
    const authenticate = (): Promise<never> => {
      asked += 1;
      return Promise.reject(new Error("not reached"));
    };
    await using node = await startTestNode({ routes: echoRoutes, rates, authenticator: { authenticate } });
    const client = createClient(EchoService, transportOf("grpc", node.url));
    await client.say({});
    expect(reasonOf(await errorOf(client.sayPrivately({}, bearer("alice"))))).toBe("RATE_LIMITED");
    expect(reasonOf(await errorOf(client.repeat({})[Symbol.asyncIterator]().next()))).toBe("RATE_LIMITED");
    expect(asked).toBe(0);
  });

  test("forget the key used longest ago when the table is full", async () => {
    const evicted: string[] = [];
    const metrics: Metrics = {
      ...silentMetrics,
      counter: (name) => ({
        add: () => void (name === "rpc_rate_states_evicted_total" && evicted.push(name)),
      }),
    };
    const rates = writeRates({ account: { perSecond: 0.001, burst: 1 } });
    // Three keys a caller: its address, account and device.
    await using node = await startTestNode({ routes: echoRoutes, rates, rateStatesMax: 3, metrics });
    const client = createClient(EchoService, transportOf("connect h1", node.url));
    await client.sayPrivately({}, bearer("alice"));
    expect(reasonOf(await errorOf(client.sayPrivately({}, bearer("alice"))))).toBe("RATE_LIMITED");
    await client.sayPrivately({}, bearer("bob"));
    expect(evicted.length).toBeGreaterThan(0);
    await client.sayPrivately({}, bearer("alice"));
  });

  test.each([
    ["10.0.0.1", "10.0.0.1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0db8::1", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    [undefined, "unknown"],
  ])("count %s as %s", (address, key) => {
    expect(addressKeyOf(address)).toBe(key);
  });
});

describe("request ids", () => {
  test.each([
    ["is kept when it is sane", "abc-123.x:y_z", /^abc-123\.x:y_z$/],
    ["is replaced when it is too short", "abc", /^[0-9a-f-]{36}$/],
    ["is replaced when it has odd characters", "abc 12345 <b>", /^[0-9a-f-]{36}$/],
  ])("one that the client sends %s", async (_, sent, expected) => {
    await using node = await startTestNode({ routes: echoRoutes });
    for (const method of ["Say", "SayPrivately"]) {
      const response = await fetch(`${node.url}/test.echo.v1.EchoService/${method}`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-request-id": sent },
        body: "{}",
      });
      expect(response.headers.get("x-request-id")).toMatch(expected);
    }
  });
});

describe("what is written about a call", () => {
  test("one log line and one measurement per call, also of refused ones, without contents or tokens", async () => {
    const lines: { message: string; fields: LogFields | undefined }[] = [];
    const keep = (message: string, fields?: LogFields): void => void lines.push({ message, fields });
    const logger: Logger = { ...silentLogger, info: keep, warn: keep, error: keep };
    const counted: Readonly<Record<string, string>>[] = [];
    const metrics: Metrics = {
      ...silentMetrics,
      counter: (name) => ({
        add: (_, labels) => void (name === "rpc_calls_total" && counted.push(labels ?? {})),
      }),
    };
    await using node = await startTestNode({ routes: echoRoutes, logger, metrics });
    const client = createClient(EchoService, transportOf("grpc", node.url));
    await client.sayPrivately({ text: "content" }, bearer("alice"));
    await errorOf(client.sayPrivately({ text: "content" }, bearer("eve")));
    await errorOf(client.say({ text: "content".repeat(200) }));
    for await (const _ of client.repeat({ text: "content" }));
    await fetch(`${node.url}/no.Such/Method`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    await waitUntil("five lines", () => lines.length === 5);
    const method = "test.echo.v1.EchoService/SayPrivately";
    expect(lines[0]?.fields).toMatchObject({
      method,
      code: "ok",
      accountId: "alice",
      deviceId: "alice-phone",
    });
    expect(lines[1]?.fields).toMatchObject({ method, code: "unauthenticated", reason: "TOKEN_INVALID" });
    expect(lines[2]?.fields).toMatchObject({ code: "invalid_argument", reason: "INVALID_FIELD" });
    expect(lines[3]?.fields).toMatchObject({ method: "test.echo.v1.EchoService/Repeat", code: "ok" });
    expect(lines[4]?.fields).toMatchObject({ method: "unknown", code: "unimplemented" });
    expect(JSON.stringify(lines)).not.toMatch(/content|Bearer|eve/);
    expect(counted).toHaveLength(5);
    expect(counted[1]).toEqual({ method, code: "unauthenticated" });
  });
});
