import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { waitUntil } from "../../testkit/wait-until.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { directConversationId, registerUser } from "../harness/user.ts";
import { ownersOf, startCluster } from "./node-cluster.ts";
import { RoamingUser } from "./roaming-user.ts";

const timeout = 120_000;

test("a roaming user is the same device at each node, and a retry at another one gets the same answer", {
  timeout,
}, async () => {
  await using cluster = await startCluster(2, { flags: loadFlags });
  const [first = ""] = cluster.servers;
  const [alice, bob] = [await registerUser(first, "anna"), await registerUser(first, "ben")];
  const roaming = new RoamingUser(alice, cluster, 0);
  const conversationId = directConversationId(alice.accountId, bob.accountId);
  const request = {
    conversationId,
    clientMessageId: randomUUID(),
    content: { kind: { case: "text", value: { text: "hello" } } },
  } as const;
  const place = roaming.placesOfTries();
  const answers = [
    await place(1).messages.sendMessage(request),
    await place(2).messages.sendMessage({ ...request, retry: true }),
  ];
  expect(place(2).server).toBe(cluster.servers[1]);
  expect(answers[1]?.entryId).toBe(answers[0]?.entryId);
  expect(await ownersOf(cluster.nodes[0], conversationId)).toEqual(
    await ownersOf(cluster.nodes[1], conversationId),
  );
});

test("its first stream is at home, each further one at the next node, and tries go on from where they began", {
  timeout,
}, async () => {
  await using cluster = await startCluster(2, { flags: loadFlags });
  const [first = "", second = ""] = cluster.servers;
  const roaming = new RoamingUser(await registerUser(first, "cleo"), cluster, 1);
  const tries = roaming.placesOfTries();
  const places = [roaming.nextPlace(), roaming.nextPlace(), roaming.nextPlace()];
  expect(places.map(({ server }) => server)).toEqual([second, first, second]);
  roaming.nextPlace();
  expect(roaming.nodeId).toBe("node-1");
  expect([tries(1), tries(2), tries(3)].map(({ server }) => server)).toEqual([second, first, second]);
});

test("a cluster that is disposed of leaves neither a process, a frozen one included, nor its directory", {
  timeout,
}, async () => {
  const cluster = await startCluster(2, { flags: loadFlags });
  const [pids, directory] = [
    cluster.nodes.map((node) => node.process.pid),
    cluster.nodes[0]?.process.dataDirectory ?? "",
  ];
  process.kill(pids[0] ?? 0, "SIGSTOP");
  expect(existsSync(directory)).toBe(true);
  await cluster[Symbol.asyncDispose]();
  await waitUntil("both processes are gone", () => pids.every((pid) => !isRunning(pid)));
  expect(existsSync(directory)).toBe(false);
});

test("a cluster that cannot start leaves nothing and says why", { timeout }, async () => {
  await expect(startCluster(2, { flags: ["--no-such-flag"] })).rejects.toThrow(/ended before it was ready/);
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
