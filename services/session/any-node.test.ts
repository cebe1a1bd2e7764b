import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import {
  PollRequestSchema,
  PollResponseSchema,
  SubmitRequestSchema,
  SubmitResponseSchema,
} from "../../gen/parley/session/v1/session_service_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { failureOf } from "../message/failure-wire.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { type SessionsHere, servedByAnyNode } from "./any-node.ts";
import { LinkedNodes } from "./fixtures/linked-nodes.ts";

const caller = { accountId: "alice", deviceId: "phone", tokenExpireMs: 1_234_567.8 };
const { signal } = new AbortController();

/** Three nodes, of which each notes what it serves. */
function startNodes() {
  const links = new LinkedNodes();
  const served: string[] = [];
  const clock = new FakeClock();
  const refuse = new Map<string, Fault>();
  const start = (nodeId: string): SessionsHere => {
    const note = (what: string): void => {
      const fault = refuse.get(nodeId);
      if (fault !== undefined) throw fault;
      served.push(`${nodeId} ${what}`);
    };
    const here: SessionsHere = {
      submit: async ({ sessionId }, { accountId, deviceId, tokenExpireMs }) => {
        note(`submit ${sessionId} ${accountId} ${deviceId} ${tokenExpireMs}`);
        return create(SubmitResponseSchema, { results: [{ clientMessageId: "m" }] });
      },
      poll: async ({ session, ack }) => {
        note(`poll ${session.case} ${ack}`);
        return create(PollResponseSchema, { frames: [{ firstDeliveryId: 7n }] });
      },
    };
    const failed = (error: unknown) => {
      if (error instanceof Fault) return failureOf(error);
      throw error;
    };
    return servedByAnyNode({ mesh: links.node(nodeId), here, clock, failureOf: failed });
  };
  return { links, served, clock, refuse, nodes: { a: start("a"), b: start("b.c") } };
}

const submit = create(SubmitRequestSchema, { sessionId: "b.c.x_-9" });
const poll = create(PollRequestSchema, { session: { case: "sessionId", value: "b.c.x_-9" }, ack: 5n });

test("a call that reaches another node than the session's is served there, for the same caller", async () => {
  const { nodes, served, clock } = startNodes();
  const { results } = await nodes.a.submit(submit, caller, signal);
  const { frames } = await nodes.a.poll(poll, caller, signal);
  expect([results[0]?.clientMessageId, frames[0]?.firstDeliveryId]).toEqual(["m", 7n]);
  expect(served).toEqual(["b.c submit b.c.x_-9 alice phone 1234567", "b.c poll sessionId 5"]);
  expect(clock.pendingTimers).toBe(0);
});

test("a call for a session of this node, or for one that is to be opened, stays here", async () => {
  const { nodes, served } = startNodes();
  await nodes.b.submit(submit, caller, signal);
  await nodes.b.poll(create(PollRequestSchema, { session: { case: "open", value: {} } }), caller, signal);
  await nodes.a.submit(create(SubmitRequestSchema, { sessionId: "no-node-in-it" }), caller, signal);
  expect(served.map((line) => line.split(" ")[0])).toEqual(["b.c", "b.c", "a"]);
});

test("what the session's node refuses is answered as it said it", async () => {
  const { nodes, refuse } = startNodes();
  const fault = new Fault(ErrorReason.POLL_SUPERSEDED, "a newer one", { metadata: { session_id: "s" } });
  refuse.set("b.c", fault);
  const refused = await nodes.a.poll(poll, caller, signal).catch((error: unknown) => error);
  expect(refused).toMatchObject({ reason: fault.reason, message: fault.message, metadata: fault.metadata });
});

test("the outcome is unknown when the session's node does not answer, and the session is gone with its node", async () => {
  const { nodes, links } = startNodes();
  links.cut.add("b.c");
  const lost = await nodes.a.submit(submit, caller, signal).catch((error: unknown) => error);
  expect(lost).toMatchObject({ reason: ErrorReason.OUTCOME_UNKNOWN, retryDelayMs: 1_000 });
  links.handlers.delete("b.c");
  const gone = async () => nodes.a.submit(submit, caller, signal);
  await expect(gone()).rejects.toMatchObject({ reason: ErrorReason.SESSION_NOT_FOUND });
});
