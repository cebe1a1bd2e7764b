import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AdminService } from "../../gen/parley/admin/v1/admin_service_pb.ts";
import { CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { systemRng } from "../kernel/system-rng.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { directOf, logIn, personWith, startTestNode } from "./fixtures/test-node.ts";
import type { ParleyNode } from "./parley-node.ts";

let directory: string;
let problems: unknown[];
let one: ParleyNode;
let other: ParleyNode;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "parley-any-node-"));
  problems = [];
  const storeUrl = `sqlite:${directory}`;
  // One after the other, since both would make the demo users.
  one = await startTestNode({ storeUrl, nodeId: "one" }, problems);
  other = await startTestNode({ storeUrl, nodeId: "other" }, problems);
  await waitUntil("both nodes are listed and linked", async () => {
    const { nodes } = await adminAt(one.addresses.admin).listNodes({});
    return nodes.length === 2 && nodes.every(({ links }) => links.length === 1);
  });
});

afterEach(async () => {
  const late = await Promise.all([one.stop(), other.stop()]);
  rmSync(directory, { recursive: true, force: true });
  problems.push(...late.flat());
  if (problems.length > 0) throw new AggregateError(problems, "the nodes met problems");
});

function adminAt(baseUrl: string | undefined) {
  return createClient(AdminService, createConnectTransport({ baseUrl: baseUrl ?? "", httpVersion: "1.1" }));
}

test("what operators may ask is asked at the admin listener, and not where clients are served", async () => {
  const { nodes } = await adminAt(one.addresses.admin).listNodes({});
  expect(nodes.map(({ nodeId }) => nodeId)).toEqual(["one", "other"]);
  const refused = await adminAt(one.addresses.public)
    .listNodes({})
    .catch((error: unknown) => error);
  expect(ConnectError.from(refused).code).toBe(Code.Unimplemented);
});

test("a session that was opened at one node is polled and submitted to at another one", async () => {
  const alice = await logIn(one, "alice");
  const aliceElsewhere = personWith(other, alice.accountId, alice.token);
  const bob = await logIn(other, "bob");

  const opened = await alice.sessions.poll({ session: { case: "open", value: {} }, wait: { seconds: 0n } });
  const control = opened.frames[0]?.control;
  if (control?.case !== "opened") throw new Error("the first frame is opened");
  const { sessionId } = control.value;
  expect(sessionId).toMatch(/^one\./);
  const clientMessageId = systemRng().uuid();
  const content = { kind: { case: "text", value: { text: "by way of the other node" } } } as const;
  const send = { conversationId: directOf(alice, bob), clientMessageId, content };
  const { results } = await aliceElsewhere.sessions.submit({
    sessionId,
    frames: [{ kind: { case: "send", value: send } }],
  });
  expect(results[0]?.outcome.case).toBe("committed");
  const events = await waitUntil("the entry comes by a Poll at the other node", async () => {
    const session = { case: "sessionId", value: sessionId } as const;
    const { frames } = await aliceElsewhere.sessions.poll({ session, ack: 0n, wait: { seconds: 1n } });
    const found = frames.flatMap((frame) => frame.events);
    return found.length > 0 ? found : undefined;
  });
  expect(events[0]?.kind.value).toMatchObject({ clientMessageId });
});

test("a device that logs out at one node is refused at another one at once, and its stream there ends", async () => {
  const alice = await logIn(one, "alice");
  const elsewhere = personWith(other, alice.accountId, alice.token);
  const reasons: CloseReason[] = [];
  const stream = (async () => {
    for await (const { frame } of elsewhere.sessions.receive({ open: {} })) {
      if (frame?.control.case === "caughtUp") await alice.accounts.logout({});
      if (frame?.control.case === "closed") reasons.push(frame.control.value.reason);
    }
  })();
  await stream;
  expect(reasons).toEqual([CloseReason.DEVICE_REVOKED]);
  await waitUntil("the other node refuses the token", () =>
    elsewhere.accounts.listDevices({}).then(
      () => false,
      (error: unknown) => ConnectError.from(error).code === Code.Unauthenticated,
    ),
  );
});
