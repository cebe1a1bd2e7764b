import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { missingForEtcd, startEtcdServer } from "../../testkit/etcd-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { leaseMs } from "../coordinator.ts";
import { etcdOptions } from "../fixtures/etcd-cluster.ts";

const program = fileURLToPath(new URL("../fixtures/member-process.ts", import.meta.url));

/** A real process that is a member of a cluster, whose place is a file or a URL. */
class MemberProcess implements AsyncDisposable {
  readonly nodeId: string;
  readonly #child: ChildProcess;
  #output = "";

  constructor(place: string, nodeId: string) {
    this.nodeId = nodeId;
    this.#child = spawn(process.execPath, [program, place, nodeId], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
  }

  async joined(): Promise<{ readonly idSlot: number; readonly incarnation: string }> {
    const [, slot, incarnation = ""] = await waitUntil(`${this.nodeId} joined`, () => this.#last("joined"), {
      timeoutMs: 15_000,
    });
    return { idSlot: Number(slot), incarnation };
  }

  /** Waits until the last list that it printed is this one: `id=incarnation`, by id. */
  lists(nodes: readonly string[], timeoutMs = 10_000): Promise<true> {
    const expected = nodes.join(" ");
    return waitUntil(
      `${this.nodeId} lists ${expected}`,
      () => this.#last("nodes")?.slice(1).join(" ") === expected || undefined,
      { timeoutMs },
    );
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }

  /** How it ended: what it said last, and its exit status. */
  async leave(): Promise<readonly unknown[]> {
    const exit = once(this.#child, "exit");
    this.#child.stdin?.end();
    const [status] = await exit;
    return [this.#last("left")?.[0], status];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #last(word: string): readonly string[] | undefined {
    const lines = this.#output.slice(0, this.#output.lastIndexOf("\n") + 1).split("\n");
    return lines.map((line) => line.split(" ")).findLast(([first]) => first === word);
  }
}

function named(nodeId: string, { incarnation }: { readonly incarnation: string }): string {
  return `${nodeId}=${incarnation}`;
}

test("three processes on one file find each other, through kill -9, restarts and departures", {
  timeout: 90_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "parley-cluster-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const start = (nodeId: string): MemberProcess =>
    stack.use(new MemberProcess(join(directory, "cluster.db"), nodeId));

  const [a, b, c] = [start("a"), start("b"), start("c")];
  const [joinedA, joinedB, joinedC] = [await a.joined(), await b.joined(), await c.joined()];
  expect(new Set([joinedA.idSlot, joinedB.idSlot, joinedC.idSlot])).toEqual(new Set([0, 1, 2]));
  const all = [named("a", joinedA), named("b", joinedB), named("c", joinedC)];
  for (const member of [a, b, c]) await member.lists(all);

  // Ten times in a row a new process takes the place of a killed one, at once and with its slot.
  let joinedAgain = joinedB;
  for (let round = 0, killed = b; round < 10; round += 1) {
    await killed.kill();
    killed = start("b");
    const restarted = await killed.joined();
    expect(restarted.idSlot).toBe(joinedB.idSlot);
    expect(restarted.incarnation).not.toBe(joinedAgain.incarnation);
    joinedAgain = restarted;
  }
  const after = [named("a", joinedA), named("b", joinedAgain), named("c", joinedC)];
  for (const member of [a, c]) await member.lists(after);

  // One that does not come back goes with its lease; one that leaves goes at once, and its slot is free.
  await c.kill();
  const killedMs = performance.now();
  await a.lists(after.slice(0, 2), 3 * leaseMs);
  expect(performance.now() - killedMs).toBeGreaterThan(leaseMs - 3_000);
  expect(await a.leave()).toEqual(["left", 0]);
  const d = start("d");
  const joinedD = await d.joined();
  expect(joinedD.idSlot).toBe(Math.min(joinedA.idSlot, joinedC.idSlot));
  await d.lists([named("b", joinedAgain), named("d", joinedD)]);
});

suiteWithout(missingForEtcd())("processes on one etcd", () => {
  test("find each other; one that is killed goes with its lease, is replaced when it restarts, or leaves at once", {
    timeout: 90_000,
  }, async () => {
    await using server = await startEtcdServer();
    await using stack = new AsyncDisposableStack();
    const place = `${server.url.replace(/\/[\w/.-]*$/, "")}${etcdOptions(server.url).prefix}`;
    const start = (nodeId: string): MemberProcess => stack.use(new MemberProcess(place, nodeId));
    const [a, b, c] = [start("a"), start("b"), start("c")];
    const [joinedA, joinedB, joinedC] = [await a.joined(), await b.joined(), await c.joined()];
    expect(new Set([joinedA.idSlot, joinedB.idSlot, joinedC.idSlot])).toEqual(new Set([0, 1, 2]));
    for (const member of [a, b, c]) {
      await member.lists([named("a", joinedA), named("b", joinedB), named("c", joinedC)]);
    }

    await b.kill();
    const restarted = start("b");
    const joinedAgain = await restarted.joined();
    expect(joinedAgain.idSlot).toBe(joinedB.idSlot);
    for (const member of [a, c]) {
      await member.lists([named("a", joinedA), named("b", joinedAgain), named("c", joinedC)]);
    }

    await c.kill();
    const killedMs = performance.now();
    await a.lists([named("a", joinedA), named("b", joinedAgain)], 3 * leaseMs);
    expect(performance.now() - killedMs).toBeGreaterThan(leaseMs - 3_000);
    expect(await a.leave()).toEqual(["left", 0]);
    await restarted.lists([named("b", joinedAgain)]);
  });
});
