import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { AdminService, type ExplainEntryResponse } from "../../gen/parley/admin/v1/admin_service_pb.ts";
import {
  EntryAccess,
  type NodeTrace,
  StepKind,
  TraceCoverage,
  type TraceStep,
} from "../../gen/parley/admin/v1/explanation_pb.ts";
import { LinkState } from "../../gen/parley/admin/v1/node_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { systemRng } from "../kernel/system-rng.ts";
import { conversationTopic, userTopic } from "../mesh/router.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { directOf, logIn, type Person, startTestNode } from "./fixtures/test-node.ts";
import type { ParleyNode } from "./parley-node.ts";

let directory: string;
let problems: unknown[];
let nodes: Map<string, ParleyNode>;
/** By how much the clock of every node is ahead of this machine's, in milliseconds. */
let aheadMs: number;
let clock: Clock;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "parley-explain-"));
  problems = [];
  nodes = new Map();
  aheadMs = 0;
  const system = systemClock();
  clock = { ...system, wallMs: () => system.wallMs() + aheadMs };
  // One after the other, since both would make the demo users.
  for (const nodeId of ["n1", "n2"]) await start(nodeId);
  await linked();
});

afterEach(async () => {
  const late = await Promise.all([...nodes.values()].map((each) => each.stop()));
  rmSync(directory, { recursive: true, force: true });
  problems.push(...late.flat());
  if (problems.length > 0) throw new AggregateError(problems, "the nodes met problems");
});

async function start(nodeId: string, flags: Readonly<Record<string, string>> = {}): Promise<void> {
  const common = {
    storeUrl: `sqlite:${directory}`,
    nodeId,
    rateSendPerSecond: "100000",
    rateSendBurst: "100000",
    // Nobody here goes elsewhere by itself.
    drainDeadlineMs: "500",
  };
  nodes.set(nodeId, await startTestNode({ ...common, ...flags }, problems, clock));
}

function linked(): Promise<unknown> {
  return waitUntil("both nodes are listed and linked", async () => {
    const listed = (await adminAt("n1").listNodes({})).nodes;
    return (
      listed.length === 2 &&
      listed.every(({ links }) => links.length === 1 && links[0]?.state === LinkState.UP)
    );
  });
}

/** Time passes for the nodes' clocks: what is sent from now on is younger than what they remember. */
function later(): void {
  aheadMs += 10_000;
}

function node(nodeId: string): ParleyNode {
  const found = nodes.get(nodeId);
  if (found === undefined) throw new Error(`there is no node ${nodeId}`);
  return found;
}

function adminAt(nodeId: string): Client<typeof AdminService> {
  const baseUrl = node(nodeId).addresses.admin;
  return createClient(AdminService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
}

/** The owner of a conversation and the other node. */
async function ownerAndOther(conversationId: string): Promise<readonly [string, string]> {
  const subject = { case: "conversationId", value: conversationId } as const;
  const [owner = "", other = ""] = (await adminAt("n1").listOwners({ subject })).nodeIds;
  return [owner, other];
}

async function say(from: Person, conversationId: string): Promise<bigint> {
  const content = { kind: { case: "text", value: { text: "hello" } } } as const;
  const send = { conversationId, clientMessageId: systemRng().uuid(), content };
  return (await from.messages.sendMessage(send)).position?.seq ?? 0n;
}

/** Attaches by Poll, until it has caught up. Answers how to take what comes next, acknowledging what came before. */
async function attach(person: Person): Promise<(ack: bigint) => Promise<bigint[]>> {
  const { frames } = await person.sessions.poll({ session: { case: "open", value: {} } });
  const control = frames[0]?.control;
  if (control?.case !== "opened") throw new Error("the first frame is opened");
  const session = { case: "sessionId", value: control.value.sessionId } as const;
  const poll = async (ack: bigint) =>
    (await person.sessions.poll({ session, ack, wait: { nanos: 200_000_000 } })).frames;
  await waitUntil("the device has caught up", async () =>
    (await poll(0n)).some((frame) => frame.control.case === "caughtUp"),
  );
  return async (ack) => {
    const events = (await poll(ack)).flatMap((frame) => frame.events);
    return events.flatMap(({ kind }) => (kind.case === "entry" ? [kind.value.seq] : []));
  };
}

function traceOf({ nodes: traces }: ExplainEntryResponse, nodeId: string): NodeTrace {
  const trace = traces.find((each) => each.nodeId === nodeId);
  if (trace === undefined) throw new Error(`${nodeId} is not in the answer`);
  return trace;
}

const kindsOf = ({ steps }: NodeTrace): StepKind[] => steps.map(({ kind }) => kind);

const stepOf = ({ steps }: NodeTrace, kind: StepKind): TraceStep | undefined =>
  steps.find((step) => step.kind === kind);

describe("ExplainEntry", () => {
  test("tells the way of an entry that was acknowledged at another node than its owner's, asked at either", async () => {
    const alice = await logIn(node("n1"), "alice");
    const conversationId = directOf(alice, await logIn(node("n1"), "bob"));
    const [owner, other] = await ownerAndOther(conversationId);
    const bob = await logIn(node(other), "bob");
    later();
    const take = await attach(bob);
    const seq = await say(alice, conversationId);
    await waitUntil("the entry comes", async () => (await take(0n)).includes(seq));
    await take(1n);

    const account = { name: { case: "handle", value: "bob" } } as const;
    const conversation = { case: "conversationId", value: conversationId } as const;
    const answers = [];
    for (const asked of ["n1", "n2"])
      answers.push(await adminAt(asked).explainEntry({ conversation, seq, account }));
    const [said, again] = answers;
    if (said === undefined) throw new Error("unreachable");
    expect(again?.nodes).toEqual(said.nodes);
    expect([said.nodeId, again?.nodeId]).toEqual(["n1", "n2"]);
    expect(said).toMatchObject({ accountId: bob.accountId, access: EntryAccess.VISIBLE, ownerNodeId: owner });
    expect(said.entry).toMatchObject({ conversationId, seq, senderId: alice.accountId });
    expect(said.nodes.map(({ nodeId, coverage }) => [nodeId, coverage])).toEqual([
      ["n1", TraceCoverage.COMPLETE],
      ["n2", TraceCoverage.COMPLETE],
    ]);

    const [atOwner, atOther] = [traceOf(said, owner), traceOf(said, other)];
    // Either node may own bob's topic: the entry makes one hop in any case.
    expect(kindsOf(atOwner)).toEqual([StepKind.ACCEPTED, StepKind.COMMITTED, StepKind.FORWARDED]);
    expect(kindsOf(atOther)).toEqual([StepKind.RECEIVED, StepKind.PUSHED, StepKind.ACKNOWLEDGED]);
    const topic = userTopic(bob.accountId);
    expect(stepOf(atOwner, StepKind.FORWARDED)).toMatchObject({ nodeIds: [other], topic });
    expect(stepOf(atOther, StepKind.RECEIVED)).toMatchObject({ nodeIds: [owner], topic });
    const { deviceId } = stepOf(atOther, StepKind.PUSHED) ?? {};
    expect(atOther.devices.map((device) => device.deviceId)).toEqual([deviceId]);
    expect(stepOf(atOther, StepKind.ACKNOWLEDGED)).toMatchObject({ deviceId });
    expect(atOwner.devices).toEqual([]);
    expect(stepOf(atOwner, StepKind.ACCEPTED)?.time).toEqual(said.entry?.createTime);
    const times = [...atOwner.steps, ...atOther.steps].map(({ time }) => (time ? timestampMs(time) : 0));
    expect(times).toEqual(times.toSorted((one, another) => one - another));
  });

  test("shows a push without an acknowledgement, and nothing of the devices of others", async () => {
    const [alice, bob] = [await logIn(node("n1"), "alice"), await logIn(node("n2"), "bob")];
    const conversationId = directOf(alice, bob);
    later();
    const take = await attach(bob);
    const seq = await say(alice, conversationId);
    await waitUntil("the entry comes", async () => (await take(0n)).includes(seq));
    const conversation = { case: "conversationId", value: conversationId } as const;
    const explain = (accountId: string) =>
      adminAt("n1").explainEntry({
        conversation,
        seq,
        account: { name: { case: "accountId", value: accountId } },
      });
    const atBobs = traceOf(await explain(bob.accountId), "n2");
    expect(atBobs).toMatchObject({ coverage: TraceCoverage.COMPLETE, stepsOmitted: 0 });
    expect(kindsOf(atBobs)).toContain(StepKind.PUSHED);
    expect(kindsOf(atBobs)).not.toContain(StepKind.ACKNOWLEDGED);
    // A Poll that acknowledges nothing is handed it again.
    await take(0n);
    expect(kindsOf(traceOf(await explain(bob.accountId), "n2"))).toContain(StepKind.PUSHED_AGAIN);
    for (const { steps, devices } of (await explain(alice.accountId)).nodes) {
      expect(steps.filter(({ deviceId }) => deviceId !== "")).toEqual([]);
      expect(devices).toEqual([]);
    }
  });

  test("a node that was started again after an entry remembers nothing of it, and says so", async () => {
    const [alice, bob] = [await logIn(node("n1"), "alice"), await logIn(node("n1"), "bob")];
    const conversationId = directOf(alice, bob);
    later();
    const seq = await say(alice, conversationId);
    later();
    await node("n2").stop();
    await start("n2");
    await linked();
    const conversation = { case: "conversationId", value: conversationId } as const;
    const account = { name: { case: "handle", value: "bob" } } as const;
    const said = await adminAt("n2").explainEntry({ conversation, seq, account });
    expect(traceOf(said, "n1").coverage).toBe(TraceCoverage.COMPLETE);
    expect(traceOf(said, "n2")).toMatchObject({ coverage: TraceCoverage.PARTIAL, steps: [], reason: "" });
  });

  test("an entry whose steps were forgotten for newer ones is unknown to its node, newer ones are not", async () => {
    await node("n1").stop();
    await node("n2").stop();
    nodes.clear();
    await start("n1", { explainStepsMax: "1000" });
    const [alice, bob] = [await logIn(node("n1"), "alice"), await logIn(node("n1"), "bob")];
    const conversationId = directOf(alice, bob);
    later();
    const explain = async (seq: bigint) => {
      const conversation = { case: "peer", value: { name: { case: "handle", value: "alice" } } } as const;
      const account = { name: { case: "accountId", value: bob.accountId } } as const;
      return traceOf(await adminAt("n1").explainEntry({ conversation, seq, account }), "n1");
    };
    const first = await say(alice, conversationId);
    expect(await explain(first)).toMatchObject({ coverage: TraceCoverage.COMPLETE });
    // Each takes two steps where nobody else listens: accepted and committed.
    for (let count = 0; count < 600; count += 50)
      await Promise.all(Array.from({ length: 50 }, () => say(alice, conversationId)));
    expect(await explain(first)).toMatchObject({ coverage: TraceCoverage.PARTIAL, steps: [] });
    later();
    const last = await explain(await say(alice, conversationId));
    expect(last.coverage).toBe(TraceCoverage.COMPLETE);
    expect(kindsOf(last)).toEqual([StepKind.ACCEPTED, StepKind.COMMITTED]);
  });

  test("of a group it says who was a member when the entry was written, and which nodes it was forwarded to", async () => {
    const [alice, bob] = [await logIn(node("n1"), "alice"), await logIn(node("n2"), "bob")];
    const group = { requestId: systemRng().uuid(), name: "Friends", memberIds: [] };
    const { conversationId } = await alice.groups.createGroup(group);
    const before = await say(alice, conversationId);
    const explain = (seq: bigint) => {
      const conversation = { case: "conversationId", value: conversationId } as const;
      const account = { name: { case: "accountId", value: bob.accountId } } as const;
      return adminAt("n2").explainEntry({ conversation, seq, account });
    };
    expect((await explain(before)).access).toBe(EntryAccess.NEVER);
    await alice.groups.addMembers({
      requestId: systemRng().uuid(),
      conversationId,
      accountIds: [bob.accountId],
    });
    later();
    const take = await attach(bob);
    const seq = await say(alice, conversationId);
    await waitUntil("the entry comes", async () => (await take(0n)).includes(seq));
    expect((await explain(before)).access).toBe(EntryAccess.NOT_THEN);
    const said = await explain(seq);
    expect(said.access).toBe(EntryAccess.VISIBLE);
    const [owner, other] = await ownerAndOther(conversationId);
    // Bob's device is at n2: the entry travels when the owner is the other node.
    const forwarded = stepOf(traceOf(said, owner), StepKind.FORWARDED);
    const hop = { nodeIds: [other], topic: conversationTopic(conversationId) };
    const { nodeIds, topic } = forwarded ?? {};
    expect({ nodeIds, topic }).toEqual(owner === "n2" ? { nodeIds: undefined, topic: undefined } : hop);
    expect(kindsOf(traceOf(said, "n2"))).toContain(StepKind.PUSHED);
  });

  test("what is asked wrongly is refused with the reason of the contract", async () => {
    const [alice, bob] = [await logIn(node("n1"), "alice"), await logIn(node("n1"), "bob")];
    const conversation = { case: "conversationId", value: directOf(alice, bob) } as const;
    await say(alice, conversation.value);
    const account = { name: { case: "handle", value: "bob" } } as const;
    const nobody = { name: { case: "handle", value: "nobody" } } as const;
    const refusals = [
      [{ conversation, seq: 2n, account }, "POSITION_ABOVE_HEAD"],
      [
        { conversation: { case: "conversationId", value: "d-1-2" }, seq: 1n, account },
        "CONVERSATION_NOT_FOUND",
      ],
      [{ conversation: { case: "peer", value: account }, seq: 1n, account }, "CONVERSATION_NOT_FOUND"],
      [{ conversation: { case: "peer", value: nobody }, seq: 1n, account }, "ACCOUNT_NOT_FOUND"],
      [{ conversation, seq: 1n, account: nobody }, "ACCOUNT_NOT_FOUND"],
      [{ conversation, seq: 0n, account }, "INVALID_FIELD"],
      [{ conversation, seq: 1n }, "INVALID_FIELD"],
      [{ conversation, seq: 1n, account: {} }, "INVALID_FIELD"],
      [{ seq: 1n, account }, "INVALID_FIELD"],
    ] as const;
    for (const [request, reason] of refusals) {
      const failure = await adminAt("n1")
        .explainEntry(request)
        .catch((error: unknown) => ConnectError.from(error));
      if (!(failure instanceof ConnectError)) throw new Error(`${reason} was expected`);
      expect(failure.findDetails(ErrorInfoSchema)[0]?.reason).toBe(reason);
    }
  });
});
