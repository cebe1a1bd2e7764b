import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { AdminService } from "../../gen/parley/admin/v1/admin_service_pb.ts";
import { CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { systemRng } from "../kernel/system-rng.ts";
import { dropDatabase } from "../store/mongo/fixtures/mongo-store.ts";
import { type MongoServer, missingForMongo, startMongoServer } from "../testkit/mongo-server.ts";
import { suiteWithout } from "../testkit/suite-plan.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { directOf, logIn, personWith, startTestNode } from "./fixtures/test-node.ts";
import type { ParleyNode } from "./parley-node.ts";

type Flags = Readonly<Record<string, string>>;

/** Runs the tests with two nodes whose store is where the flags say, and clears it away. */
function describeTwoNodes(
  storeFlags: (directory: string) => Flags,
  clear: (directory: string) => Promise<void> = async () => undefined,
): void {
  let directory: string;
  let problems: unknown[];
  let one: ParleyNode;
  let other: ParleyNode;

  const start = (nodeId: string): Promise<ParleyNode> =>
    startTestNode({ ...storeFlags(directory), nodeId }, problems);

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "parley-any-node-"));
    problems = [];
    // One after the other, since both would make the demo users.
    one = await start("one");
    other = await start("other");
    await waitUntil("both nodes are listed and linked", async () => {
      const { nodes } = await adminAt(one.addresses.admin).listNodes({});
      return nodes.length === 2 && nodes.every(({ links }) => links.length === 1);
    });
  });

  afterEach(async () => {
    const late = await Promise.all([one.stop(), other.stop()]);
    await clear(directory);
    rmSync(directory, { recursive: true, force: true });
    problems.push(...late.flat());
    if (problems.length > 0) throw new AggregateError(problems, "the nodes met problems");
  });

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

  test("what was acknowledged is there after all nodes were stopped and one was started again", async () => {
    const alice = await logIn(one, "alice");
    const conversationId = directOf(alice, await logIn(other, "bob"));
    const content = { kind: { case: "text", value: { text: "kept" } } } as const;
    const clientMessageId = systemRng().uuid();
    await alice.messages.sendMessage({ conversationId, clientMessageId, content });
    await Promise.all([one.stop(), other.stop()]);
    one = await start("one");
    const { entries } = await personWith(one, alice.accountId, alice.token).messages.listEntries({
      conversationId,
    });
    expect(entries.map((entry) => entry.clientMessageId)).toEqual([clientMessageId]);
  });
}

suiteWithout([])("two nodes on one SQLite file", () => {
  describeTwoNodes((directory) => ({ storeUrl: `sqlite:${directory}` }));
});

suiteWithout(missingForMongo())("two nodes on one MongoDB", () => {
  let server: MongoServer;
  beforeAll(async () => {
    server = await startMongoServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const storeUrl = (directory: string): string => server.urlOf(`parley-test-${basename(directory)}`);
  describeTwoNodes(
    (directory) => ({
      storeUrl: storeUrl(directory),
      storeAllowUnsafe: "true",
      coordinatorUrl: `sqlite:${directory}`,
    }),
    (directory) => dropDatabase(storeUrl(directory)),
  );
});

function adminAt(baseUrl: string | undefined) {
  return createClient(AdminService, createConnectTransport({ baseUrl: baseUrl ?? "", httpVersion: "1.1" }));
}
