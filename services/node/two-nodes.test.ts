import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemRng } from "../kernel/system-rng.ts";
import { directOf, logIn, type Person, personWith, startTestNode } from "./fixtures/test-node.ts";
import type { ParleyNode } from "./parley-node.ts";

let directory: string;
let problems: unknown[];
let one: ParleyNode;
let other: ParleyNode;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "parley-two-nodes-"));
  problems = [];
  const start = (name: string) => startTestNode({ storeUrl: `sqlite:${join(directory, name)}` }, problems);
  [one, other] = await Promise.all([start("one"), start("other")]);
});

afterEach(async () => {
  const late = await Promise.all([one.stop(), other.stop()]);
  rmSync(directory, { recursive: true, force: true });
  problems.push(...late.flat());
  if (problems.length > 0) throw new AggregateError(problems, "the nodes met problems");
});

/** Sends from one to the other while that one receives, and answers the texts that arrived. */
async function talk(from: Person, to: Person, text: string): Promise<string[]> {
  const conversationId = directOf(from, to);
  const abort = new AbortController();
  const frames = to.sessions.receive({ open: {} }, { signal: abort.signal });
  const texts: string[] = [];
  for await (const { frame } of frames) {
    if (frame?.control.case === "caughtUp") {
      await from.messages.sendMessage({
        conversationId,
        clientMessageId: systemRng().uuid(),
        content: { kind: { case: "text", value: { text } } },
      });
    }
    for (const { kind } of frame?.events ?? []) {
      const content =
        kind.case === "entry" && kind.value.body.case === "message" ? kind.value.body.value : undefined;
      if (content?.kind.case === "text") texts.push(content.kind.value.text);
    }
    if (texts.length > 0) break;
  }
  abort.abort();
  return texts;
}

test("two nodes in one process serve their own users, and each delivers only its own messages", async () => {
  const [alice, bob] = await Promise.all([logIn(one, "alice"), logIn(one, "bob")]);
  const [otherAlice, otherBob] = await Promise.all([logIn(other, "alice"), logIn(other, "bob")]);
  expect(await Promise.all([talk(alice, bob, "at one"), talk(otherAlice, otherBob, "at the other")])).toEqual(
    [["at one"], ["at the other"]],
  );
  const conversationId = directOf(alice, bob);
  const { entries } = await alice.messages.listEntries({ conversationId });
  expect(entries.map(({ seq }) => seq)).toEqual([1n]);
});

test("a token of one node is worth nothing at another", async () => {
  const alice = await logIn(one, "alice");
  const abroad = personWith(other, alice.accountId, alice.token);
  await expect(abroad.messages.listEntries({ conversationId: "d-1-2" })).rejects.toThrow(/token/i);
});

test("one node stops without the other one noticing", async () => {
  expect(await one.stop()).toEqual([]);
  const [alice, bob] = await Promise.all([logIn(other, "alice"), logIn(other, "bob")]);
  expect(await talk(alice, bob, "still here")).toEqual(["still here"]);
  const metrics = await fetch(`${other.addresses.admin}/metrics`);
  expect(await metrics.text()).toContain("parley_rpc_calls_total");
});
