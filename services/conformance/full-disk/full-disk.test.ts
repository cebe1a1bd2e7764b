import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { loadFlags } from "../harness/load-flags.ts";
import { startParley } from "../harness/parley-process.ts";
import { type Refusal, refusalOf } from "../harness/refusal.ts";
import { directConversationId, registerUsers, type User } from "../harness/user.ts";
import { suiteNeeds } from "../tools.ts";

/** What the files may still grow by, in bytes: a few messages of 10,000 characters. */
const spaceBytes = 200_000;
const text = "x".repeat(10_000);

/** Sends until the node refuses, a hundred times at most; answers the seqs that were acknowledged, and the id that was not. */
async function sendUntilRefused(from: User, conversationId: string) {
  const acknowledged: bigint[] = [];
  for (let sent = 0; sent < 100; sent += 1) {
    const id = randomUUID();
    const seq = await sendOne(from, conversationId, id).catch(refusalOf);
    if (typeof seq !== "bigint") return { acknowledged, refusal: seq satisfies Refusal, id };
    acknowledged.push(seq);
  }
  throw new Error("the node took a hundred messages though its files could not grow");
}

async function sendOne(from: User, conversationId: string, clientMessageId: string): Promise<bigint> {
  const content = { kind: { case: "text", value: { text } } } as const;
  const answer = await from.messages.sendMessage({ conversationId, clientMessageId, content, retry: true });
  return answer.position?.seq ?? 0n;
}

suiteNeeds(["prlimit"])("a node whose files cannot grow any more", () => {
  test("refuses sends with a retry hint, goes on reading, loses nothing, and sends again when there is space", async () => {
    await using node = await startParley({ flags: loadFlags });
    const [alice, bob] = await registerUsers(node.publicUrl, "full", 2);
    if (alice === undefined || bob === undefined) throw new Error("two users were asked for");
    const conversationId = directConversationId(alice.accountId, bob.accountId);
    await sendOne(alice, conversationId, randomUUID());

    // The soft limit on the size of files stands for a disk that is full: writes fail in the same place.
    const log = statSync(join(node.dataDirectory, "parley.db-wal")).size;
    const limit = (bytes: string): void => {
      execFileSync("prlimit", [`--pid=${node.pid}`, `--fsize=${bytes}:`]);
    };
    limit(String(log + spaceBytes));
    const { acknowledged, refusal, id } = await sendUntilRefused(alice, conversationId);
    // Whether a commit that failed while it was written took place is read back later, so both answers are honest.
    expect(refusal.code).toBe(Code.Unavailable);
    expect(["STORE_UNAVAILABLE", "OUTCOME_UNKNOWN"]).toContain(refusal.reason);
    expect(refusal.retryDelayMs).toBeGreaterThan(0);
    const during = await bob.messages.listEntries({ conversationId, pageSize: 500 });
    expect(during.entries.map((entry) => entry.seq)).toEqual([1n, ...acknowledged]);

    limit("unlimited");
    const next = await sendOne(alice, conversationId, id);
    expect(next).toBe(BigInt(acknowledged.length + 2));
    await node.kill("SIGKILL");
    await node.restart();
    const after = await bob.messages.listEntries({ conversationId, pageSize: 500 });
    expect(after.entries.map((entry) => entry.seq)).toEqual([1n, ...acknowledged, next]);
  }, 60_000);
});
