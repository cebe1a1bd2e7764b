import { gzipSync } from "node:zlib";
import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadFlags } from "../harness/load-flags.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";
import { login, type Person, password, register } from "../json-client.ts";
import { encodeRequest } from "./encode.ts";
import { whatIsWrong } from "./healthy.ts";
import { allMethods, methodPath, needsToken } from "./methods.ts";
import { minimalRequest } from "./minimal-request.ts";
import { codeOf, type Outcome } from "./outcome.ts";
import { type Protocol, protocols, WireClient, wireMethod } from "./wire-client.ts";

let node: ParleyProcess;
let wire: WireClient;
let person: Person;
/** Of a device that has logged out, and of an account that was deleted. */
let loggedOut: string;
let deleted: string;

beforeAll(async () => {
  node = await startParley({ flags: loadFlags });
  wire = new WireClient(node.publicUrl);
  person = await register(node.publicUrl, "somebody");
  const former = await login(node.publicUrl, "somebody", password);
  await former.client.call("parley.account.v1.AccountService/Logout", {});
  loggedOut = former.token;
  const gone = await register(node.publicUrl, "gone");
  await gone.client.call("parley.account.v1.AccountService/DeleteAccount", { password: { text: password } });
  deleted = gone.token;
});

afterAll(async () => {
  wire[Symbol.dispose]();
  await node[Symbol.asyncDispose]();
});

/** The longest request that a node reads, in bytes; proto/README.md says so. */
const requestBytesMax = 262_144;

interface HostileCall {
  /** What is wrong with it. */
  readonly name: string;
  readonly reason: string;
  readonly appliesTo?: (method: DescMethod, protocol: Protocol) => boolean;
  readonly body?: (method: DescMethod, protocol: Protocol) => Uint8Array;
  readonly headers?: (protocol: Protocol) => Readonly<Record<string, string>>;
}

/** Whether the protocol compresses whole bodies, which can be written down without flags in envelopes. */
function isPlainBody(method: DescMethod, protocol: Protocol): boolean {
  return protocol !== "grpc" && method.methodKind === "unary";
}

/** A body that would be valid if it were not for an unknown field of this many bytes. */
function bodyOf(size: number, protocol: Protocol): Uint8Array {
  if (protocol === "connect+json") return Buffer.from(JSON.stringify({ unknown: "x".repeat(size) }));
  const head = Buffer.from([0xfa, 0x3f, (size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14]);
  return Buffer.concat([head, Buffer.alloc(size)]);
}

const bearer = (token: string) => (): Record<string, string> => ({ authorization: `Bearer ${token}` });
const timeoutHeader =
  (value: string) =>
  (protocol: Protocol): Record<string, string> => ({
    authorization: `Bearer ${person.token}`,
    [protocol === "grpc" ? "grpc-timeout" : "connect-timeout-ms"]: value,
  });

const hostileCalls: readonly HostileCall[] = [
  { name: "no token", reason: "TOKEN_MISSING", appliesTo: needsToken, headers: () => ({}) },
  { name: "a token of nobody", reason: "TOKEN_INVALID", appliesTo: needsToken, headers: bearer("nonsense") },
  {
    name: "an authorization that is no bearer token",
    reason: "TOKEN_INVALID",
    appliesTo: needsToken,
    headers: () => ({ authorization: `Basic ${Buffer.from("somebody:secret").toString("base64")}` }),
  },
  {
    name: "a token with another signature",
    reason: "TOKEN_INVALID",
    appliesTo: needsToken,
    headers: () => bearer(`${person.token.slice(0, -8)}AAAAAAAA`)(),
  },
  {
    name: "a token with other claims",
    reason: "TOKEN_INVALID",
    appliesTo: needsToken,
    headers: () => bearer(withOtherClaims(person.token))(),
  },
  {
    name: "the token of a device that logged out",
    reason: "DEVICE_REVOKED",
    appliesTo: needsToken,
    headers: () => bearer(loggedOut)(),
  },
  {
    name: "the token of a deleted account",
    reason: "DEVICE_REVOKED",
    appliesTo: needsToken,
    headers: () => bearer(deleted)(),
  },
  {
    name: "a body over the limit",
    reason: "REQUEST_TOO_LARGE",
    body: (_, protocol) => bodyOf(requestBytesMax, protocol),
  },
  {
    name: "a small body that unpacks to one over the limit",
    reason: "REQUEST_TOO_LARGE",
    appliesTo: isPlainBody,
    body: (_, protocol) => gzipSync(bodyOf(4 * requestBytesMax - 1, protocol)),
    headers: () => ({ authorization: `Bearer ${person.token}`, "content-encoding": "gzip" }),
  },
  {
    name: "a body in a compression that nobody knows",
    reason: "MALFORMED_REQUEST",
    appliesTo: isPlainBody,
    headers: () => ({ authorization: `Bearer ${person.token}`, "content-encoding": "rot13" }),
  },
  {
    name: "a body that cannot be unpacked",
    reason: "MALFORMED_REQUEST",
    appliesTo: isPlainBody,
    body: () => Buffer.from("this is not gzip"),
    headers: () => ({ authorization: `Bearer ${person.token}`, "content-encoding": "gzip" }),
  },
  {
    name: "a body that is cut in the middle of a field",
    reason: "MALFORMED_REQUEST",
    body: (_, protocol) =>
      protocol === "connect+json" ? Buffer.from('{"a":') : Buffer.from([0xfa, 0x3f, 0xff, 0x01]),
  },
  {
    name: "a body of random bytes",
    reason: "MALFORMED_REQUEST",
    body: () => Buffer.from("9c3b00ff17e1c7a0", "hex"),
  },
  {
    name: "a JSON body that is no object",
    reason: "MALFORMED_REQUEST",
    appliesTo: (_, protocol) => protocol === "connect+json",
    body: () => Buffer.from('["a"]'),
  },
  {
    name: "a JSON field of another type",
    reason: "MALFORMED_REQUEST",
    appliesTo: (method, protocol) => protocol === "connect+json" && method.input.fields.length > 0,
    body: (method) => Buffer.from(JSON.stringify({ [method.input.fields[0]?.jsonName ?? ""]: [[1]] })),
  },
  { name: "a timeout that is no number", reason: "MALFORMED_REQUEST", headers: timeoutHeader("soon") },
  {
    name: "a timeout of more than a day",
    reason: "MALFORMED_REQUEST",
    headers: (protocol) => timeoutHeader(protocol === "grpc" ? "25H" : "90000000")(protocol),
  },
];

function withOtherClaims(token: string): string {
  const [head, , signature] = token.split(".");
  const claims = { iss: "parley", aud: "parley", sub: "1", exp: 9_999_999_999 };
  return [head, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
}

async function outcomeOf(hostile: HostileCall, method: DescMethod, protocol: Protocol): Promise<Outcome> {
  const valid = encodeRequest(method.input, minimalRequest(method.input), protocol);
  return wire.call({
    method: wireMethod(method),
    protocol,
    body: hostile.body?.(method, protocol) ?? valid,
    headers: hostile.headers?.(protocol) ?? bearer(person.token)(),
  });
}

describe.each(protocols)("over %s", (protocol) => {
  test.each(hostileCalls)("$name is answered with $reason by every method", async (hostile) => {
    const methods = allMethods.filter((method) => hostile.appliesTo?.(method, protocol) ?? true);
    for (const method of methods) {
      const { code, reason } = await outcomeOf(hostile, method, protocol);
      expect({ method: methodPath(method), code, reason }).toEqual({
        method: methodPath(method),
        code: codeOf(hostile.reason),
        reason: hostile.reason,
      });
    }
  });

  test.each([
    "parley.account.v1.AccountService/DropTables",
    "parley.account.v1.NoService/Login",
    "parley.account.v1.AccountService/login",
    "x",
  ])("%s is answered with UNKNOWN_METHOD", async (path) => {
    const method = { methodKind: "unary", path } as const;
    const { code, reason } = await wire.call({ method, protocol, body: new Uint8Array() });
    expect({ code, reason }).toEqual({ code: "UNIMPLEMENTED", reason: "UNKNOWN_METHOD" });
  });
});

describe("plain HTTP", () => {
  test.each(["PUT", "DELETE", "PATCH", "GET"])("%s is refused with 405 by every method", async (verb) => {
    for (const method of allMethods) {
      const isRead = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
      if (verb === "GET" && isRead) continue;
      const headers = { ":method": verb, "content-type": "application/json" };
      expect([methodPath(method), await wire.status(methodPath(method), headers)]).toEqual([
        methodPath(method),
        405,
      ]);
    }
  });

  test.each(["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data"])(
    "a body of type %s is refused with 415 by every method",
    async (type) => {
      for (const method of allMethods) {
        const headers = { ":method": "POST", "content-type": type };
        const status = await wire.status(methodPath(method), headers, "{}");
        expect([methodPath(method), status]).toEqual([methodPath(method), 415]);
      }
    },
  );

  test("a GET with a message that is no base64, no JSON, or missing is refused with 400", async () => {
    const path = "parley.message.v1.MessageService/ListEntries";
    const headers = { ":method": "GET", authorization: `Bearer ${person.token}` };
    const queries = [
      "connect=v1&encoding=json&message=%7B",
      "connect=v1&encoding=proto&base64=1&message=%21%21",
      "connect=v1&encoding=proto&message=%ff%ff",
      "connect=v1&encoding=json",
    ];
    for (const query of queries) {
      expect([query, await wire.status(`${path}?${query}`, headers)]).toEqual([query, 400]);
    }
    expect(await wire.status(`${path}?connect=v1&encoding=xml&message=x`, headers)).toBe(415);
  });
});

test("afterwards the node is healthy and has met no bug", async () => {
  expect(await whatIsWrong(node)).toEqual([]);
});
