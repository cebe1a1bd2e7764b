import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadFlags } from "../harness/load-flags.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";
import { login, type Person, password, register } from "../json-client.ts";
import { brokenRequests } from "./broken-requests.ts";
import { encodeRequest } from "./encode.ts";
import { whatIsWrong } from "./healthy.ts";
import { allMethods, methodPath } from "./methods.ts";
import { minimalRequest } from "./minimal-request.ts";
import { codeOf } from "./outcome.ts";
import { protocols, WireClient, wireMethod } from "./wire-client.ts";

let node: ParleyProcess;
let person: Person;
let wire: WireClient;

beforeAll(async () => {
  node = await startParley({ flags: loadFlags });
  person = await register(node.publicUrl, "somebody-else");
  wire = new WireClient(node.publicUrl);
});

afterAll(async () => {
  wire[Symbol.dispose]();
  await node[Symbol.asyncDispose]();
});

/** Frames of an attached stream after `open` have rules of their own, see attached-stream.test.ts. */
function isOpening(field: string): boolean {
  return field === "frame" || field.startsWith("frame.open.");
}

const cases = allMethods.map((method) => ({ name: methodPath(method), method }));

describe.each(protocols)("over %s", (protocol) => {
  test.each(cases)("$name names the field and the rule of each broken rule", async ({ method }) => {
    const authorization = `Bearer ${person.token}`;
    for (const { field, rule, request } of brokenRequests(method.input)) {
      if (method.methodKind === "bidi_streaming" && !isOpening(field)) continue;
      const body = encodeRequest(method.input, request, protocol);
      const outcome = await wire.call({
        method: wireMethod(method),
        protocol,
        body,
        headers: { authorization },
      });
      const { code, reason, metadata } = outcome;
      expect({ rule, code, reason, field: metadata["field"] }).toEqual({
        rule,
        code: codeOf("INVALID_FIELD"),
        reason: "INVALID_FIELD",
        field,
      });
      const named = outcome.violations.some((violation) => violation.startsWith(`${field} ${rule}`));
      expect(named, `${field} ${rule} is not among ${outcome.violations.join(", ")}`).toBe(true);
    }
  });

  test.each(cases)("$name takes a request that breaks no rule", async ({ method }) => {
    // Logout ends what it is called with.
    const isLogout = method.name === "Logout";
    const caller = isLogout ? await login(node.publicUrl, person.handle, password) : person;
    const body = encodeRequest(method.input, requestOf(method), protocol);
    const headers = { authorization: `Bearer ${caller.token}` };
    const outcome = await wire.call({ method: wireMethod(method), protocol, body, headers });
    expect(["INVALID_FIELD", "MALFORMED_REQUEST", "BUG"]).not.toContain(outcome.reason);
    expect(outcome.code).not.toMatch(/^HTTP/);
    expect(outcome.code).toBe(outcome.reason === "" ? "OK" : codeOf(outcome.reason));
  });
});

/** Poll would wait for its whole time otherwise. */
function requestOf(method: (typeof allMethods)[number]) {
  const request = minimalRequest(method.input);
  return method.name === "Poll" ? { ...request, wait: "0s" } : request;
}

test("the table covers every service and breaks rules of every kind of field", () => {
  expect(new Set(allMethods.map((method) => method.parent.typeName)).size).toBe(5);
  const broken = allMethods.flatMap((method) => brokenRequests(method.input));
  expect(broken.length).toBeGreaterThanOrEqual(150);
  const kinds = new Set(broken.map(({ rule }) => rule.split(".", 1)[0]));
  expect(kinds).toEqual(
    new Set(["required", "string", "bytes", "uint32", "uint64", "repeated", "enum", "duration"]),
  );
});

test("afterwards the node is healthy and has met no bug", async () => {
  expect(await whatIsWrong(node)).toEqual([]);
});
