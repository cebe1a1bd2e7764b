import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type SendMessageRequest,
  SendMessageRequestSchema,
} from "../../../gen/parley/message/v1/message_service_pb.ts";
import { directConversationId } from "../../message/conversation-id.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { type CommandNode, recordingContext, startCommandNode } from "../fixtures/test-command.ts";
import type { RepeatOptions } from "../repeat-call.ts";
import { DemoDevice } from "./demo-device.ts";
import { type DemoPerson, logIn } from "./demo-person.ts";
import { listAll } from "./seen-entry.ts";

const nobody = "http://127.0.0.1:1";

let node: CommandNode;
let repeat: RepeatOptions;
let alice: DemoPerson;
let bob: DemoPerson;
let conversationId: string;

beforeAll(async () => {
  node = await startCommandNode();
  const { context } = recordingContext();
  // Back-off of nothing, so that no test waits for it.
  repeat = { ...context, rng: { ...context.rng, fraction: () => 0 } };
  alice = await logIn(repeat, node.url, "alice");
  bob = await logIn(repeat, node.url, "bob");
  conversationId = directConversationId(alice.accountId, bob.accountId);
});

afterAll(() => node[Symbol.asyncDispose]());

/** What a device lives through. */
class Witness {
  readonly stored: bigint[] = [];
  readonly tried: string[] = [];
  readonly settled: bigint[] = [];
  readonly lost: string[] = [];
}

/** A device with a witness. */
function deviceOf(person: DemoPerson, servers: readonly string[]) {
  const seen = new Witness();
  const device = new DemoDevice({
    ...repeat,
    person,
    servers,
    conversationId,
    onStored: ({ seq }) => seen.stored.push(seq),
    onTry: (id) => seen.tried.push(id),
    onSettled: (_, settlement) => {
      if (settlement.kind === "acknowledged") seen.settled.push(settlement.seq);
    },
    onLost: (text) => seen.lost.push(text),
  }).start();
  return { device, seen };
}

function message(text: string): SendMessageRequest {
  const content = { kind: { case: "text", value: { text } } } as const;
  return create(SendMessageRequestSchema, { conversationId, clientMessageId: randomUUID(), content });
}

test("two devices store what both say, dense and in order, and their own as well", async () => {
  const [a, b] = [deviceOf(alice, [node.url]), deviceOf(bob, [node.url])];
  await Promise.all([a.device.caughtUp, b.device.caughtUp]);
  for (let index = 0; index < 100; index++) a.device.send(message(`message ${index}`));
  const all = Array.from({ length: 100 }, (_, index) => BigInt(index + 1));
  await waitUntil("all messages", () => b.seen.stored.length === 100 && a.seen.stored.length === 100);
  await waitUntil("all answers", () => a.seen.settled.length === 100);
  expect([a.seen.stored, b.seen.stored, a.seen.settled]).toEqual([all, all, all]);
  expect(new Set(a.seen.tried).size).toBe(100);
  expect(a.device.underWay).toBe(0);
  await Promise.all([a.device.stop(), b.device.stop()]);
});

test("a device that finds nobody goes to the next node, tells so, and sends what waited", async () => {
  const { device, seen } = deviceOf(alice, [nobody, node.url]);
  device.send(message("after a detour"));
  await waitUntil("the answer", () => seen.settled.length === 1);
  expect(seen.lost).toEqual([expect.stringMatching(/^alice lost the stream to http:\/\/127\.0\.0\.1:1 /)]);
  await device.stop();
});

test("a device that comes late gets what it missed, and what is listed is the same", async () => {
  const { device, seen } = deviceOf(bob, [node.url]);
  await device.caughtUp;
  const listed = await listAll(repeat, { person: bob, server: node.url, conversationId });
  expect(seen.stored).toEqual(listed.map(({ seq }) => seq));
  expect(seen.stored.length).toBeGreaterThan(100);
  await device.stop();
});
