import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { waitUntil } from "../../testkit/wait-until.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";
import { directConversation, login, type Person, sendText } from "../json-client.ts";
import {
  type RunningProgram,
  runParley,
  startParleyCommand,
  type TemporaryDirectory,
  temporaryDirectory,
} from "./parley-command.ts";

let node: ParleyProcess;
let home: TemporaryDirectory;
let alice: Person;
let conversationId: string;
let sent = 0;

beforeAll(async () => {
  home = temporaryDirectory();
  node = await startParley({ flags: loadFlags });
  const { status } = await runParley(["login", "bob"], {
    environment: { ...environment(), PARLEY_PASSWORD: "parley-demo" },
  });
  if (status !== 0) throw new Error(`login ended with ${status}`);
  alice = await login(node.publicUrl, "alice", "parley-demo");
  const bob = await login(node.publicUrl, "bob", "parley-demo");
  conversationId = directConversation(alice.accountId, bob.accountId);
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

function environment(): Record<string, string> {
  return { PARLEY_CREDENTIALS: `${home.path}/credentials.json`, PARLEY_SERVER: node.publicUrl };
}

function startTail(...flags: string[]): RunningProgram {
  return startParleyCommand(["tail", "--as", "bob", ...flags], { environment: environment() });
}

/** Sends that many more messages, numbered on. */
async function sendMore(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    sent += 1;
    await sendText(alice, conversationId, `message ${sent}`);
  }
}

const entrySchema = z.object({
  seq: z.string(),
  message: z.object({ text: z.object({ text: z.string() }) }),
});

function textsOf(tail: RunningProgram): string[] {
  return tail.lines().map((line) => entrySchema.parse(JSON.parse(line)).message.text.text);
}

function messages(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => `message ${first + index}`);
}

test("tail prints every entry once while the node is killed, or drained, and started again under it", {
  timeout: 60_000,
}, async () => {
  await using tail = startTail("--json");
  await tail.notice(/up to date/);
  await sendMore(20);
  await waitUntil("the first messages", () => textsOf(tail).length >= 20, { timeoutMs: 10_000 });
  // A drained node says `closed` and then GOAWAY; a killed one says nothing.
  for (const signal of ["SIGKILL", "SIGTERM", "SIGKILL"] as const) {
    await sendMore(3);
    // Some of those three are printed by now, and some are not.
    await node.kill(signal);
    await node.restart();
    await sendMore(5);
  }
  await waitUntil("all messages", () => textsOf(tail).includes(`message ${sent}`), { timeoutMs: 30_000 });
  await sendMore(1);
  await waitUntil("one more", () => textsOf(tail).includes(`message ${sent}`), { timeoutMs: 10_000 });
  expect(textsOf(tail)).toEqual(messages(1, sent));
  expect(tail.notices()).toMatch(/stream lost .*attaching again in/);
  tail.child.kill("SIGTERM");
  expect(await tail.ended).toBe(0);
});

test("a tail that is started again goes on where the one before ended", { timeout: 30_000 }, async () => {
  const before = sent;
  await sendMore(4);
  await using tail = startTail("--json", "--quiet");
  await waitUntil("the missed messages", () => textsOf(tail).length >= 4, { timeoutMs: 15_000 });
  await sendMore(1);
  await waitUntil("the live message", () => textsOf(tail).length >= 5, { timeoutMs: 10_000 });
  expect(textsOf(tail)).toEqual(messages(before + 1, sent));
  expect(tail.notices()).toBe("");
});

test("two tails of one device do not evict each other for ever: the older one says why it ends", {
  timeout: 30_000,
}, async () => {
  await using older = startTail();
  await older.notice(/up to date/);
  await using newer = startTail();
  await newer.notice(/up to date/);
  expect(await older.ended).toBe(1);
  expect(older.notices()).toMatch(/closed the stream for good/);
  expect(newer.child.exitCode).toBeNull();
});
