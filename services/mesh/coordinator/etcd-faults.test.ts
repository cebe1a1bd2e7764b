import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Etcd3 } from "etcd3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sleep } from "../../kernel/clock.ts";
import { systemClock } from "../../kernel/system-clock.ts";
import { recordingMetrics } from "../../sqlite/fixtures/recording.ts";
import { type EtcdServer, missingForEtcdProcess, startEtcdProcess } from "../../testkit/etcd-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { type Coordinator, leaseMs } from "../coordinator.ts";
import { EtcdCluster, etcdOptions } from "../fixtures/etcd-cluster.ts";
import { startEtcdProxy } from "../fixtures/etcd-proxy.ts";
import { nodeRecord } from "../fixtures/node-records.ts";
import { createMembership, type Membership } from "../membership.ts";
import { createEtcdCoordinator, type EtcdCoordinatorOptions } from "./etcd.ts";
import { etcdKeys } from "./etcd-keys.ts";
import { etcdLimits } from "./etcd-limits.ts";

const strayProgram = fileURLToPath(new URL("../fixtures/stray-coordinator.ts", import.meta.url));

/** `npm run proof` sets it: etcd stays away for a minute, and the watch is cut at every byte. */
const isLong = process.env["PARLEY_TEST_ETCD_LONG"] === "true";

/** How long etcd is away, in milliseconds: longer than a lease. */
const awayMs = isLong ? 60_000 : leaseMs + 1_000;

/** After how many bytes the watch is cut: in its first answer, after it, and within the first change. */
const cutsAfter = isLong
  ? Array.from({ length: 341 }, (_, index) => 60 + index)
  : [60, 97, 134, 150, 171, 190, 208, 245, 300, 400];

async function idsOf(coordinator: Coordinator): Promise<readonly string[]> {
  return (await coordinator.list()).map(({ nodeId }) => nodeId);
}

/** Keeps a list as a node would: read again at each hint only, and again when that fails. */
function follow(coordinator: Coordinator): () => string {
  let listed = "";
  let reading: Promise<void> | undefined;
  const read = async (): Promise<void> => {
    try {
      listed = (await idsOf(coordinator)).join(" ");
    } catch {
      await sleep(systemClock(), 50);
      await read();
    }
  };
  coordinator.watch(() => void (reading = (reading ?? Promise.resolve()).then(read)));
  return () => listed;
}

/** How long a call took until it was answered or refused, in milliseconds. */
async function timeOf(call: Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await call.catch(() => undefined);
  return performance.now() - startMs;
}

/** With what the timers of a busy machine are late. */
const callMsMax = etcdLimits.callMsMax + 500;

/** A node of a cluster, as it runs in production but for its surroundings. */
async function startMember(
  stack: AsyncDisposableStack,
  options: EtcdCoordinatorOptions,
  nodeId: string,
): Promise<Membership> {
  const coordinator = stack.use(createEtcdCoordinator(options));
  const membership = stack.use(createMembership({ ...options, coordinator, record: nodeRecord(nodeId) }));
  await membership.start();
  return membership;
}

function namesOf(membership: Membership): string {
  return membership
    .nodes()
    .map(({ nodeId }) => nodeId)
    .join(" ");
}

suiteWithout(missingForEtcdProcess())("a coordinator", () => {
  describe.concurrent("whose etcd is harmed", { timeout: 60_000 + 2 * awayMs }, () => {
    test("gets every call answered or refused in time, and its hints again, when etcd is killed and restarted", async () => {
      await using server = await startEtcdProcess();
      await using cluster = new EtcdCluster(server.url);
      const [one, two] = [await cluster.open(), await cluster.open()];
      const registration = await one.register(nodeRecord("a"));
      await one.raiseMark({ epoch: 2n, tick: 3n });
      const listed = follow(two);
      await server.process.kill();
      const calls = [
        () => one.list(),
        () => registration.renew(nodeRecord("a")),
        () => two.register(nodeRecord("b")),
        () => two.raiseMark({ epoch: 9n, tick: 9n }),
        () => two.serverVersion(),
      ];
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject({ name: "EtcdFailure", kind: "unanswered" });
        expect(await timeOf(call())).toBeLessThan(callMsMax);
      }
      await server.process.start();
      await waitUntil("the list once the watch began anew", () => listed() === "a", { timeoutMs: 15_000 });
      expect(await registration.renew(nodeRecord("a", { load: 0.5 }))).toBe("kept");
      expect(await two.readMark()).toEqual({ epoch: 2n, tick: 3n });
      await two.register(nodeRecord("b"));
      await waitUntil("a hint of a change", () => listed() === "a b");
    });

    test("is away for longer than a lease: nodes keep their list, and their entries when etcd is back", async () => {
      await using server = await startEtcdProcess();
      await using stack = new AsyncDisposableStack();
      const options = etcdOptions(server.url);
      const [a, b] = [await startMember(stack, options, "a"), await startMember(stack, options, "b")];
      await waitUntil("both lists", () => namesOf(a) === "a b" && namesOf(b) === "a b");
      await server.process.kill();
      await sleep(systemClock(), awayMs);
      expect([namesOf(a), namesOf(b), a.listed, b.listed]).toEqual(["a b", "a b", true, true]);
      await server.process.start();
      const c = await startMember(stack, options, "c");
      for (const member of [a, b, c])
        await waitUntil("the new list", () => namesOf(member) === "a b c" && member.listed, {
          timeoutMs: 30_000,
        });
      expect(new Set([a.idSlot, b.idSlot, c.idSlot]).size).toBe(3);
    });

    test("stands still for longer than a lease: calls end in time, and all nodes come back by themselves", async () => {
      await using server = await startEtcdProcess();
      await using cluster = new EtcdCluster(server.url);
      await using stack = new AsyncDisposableStack();
      const [a, b] = [
        await startMember(stack, cluster.options, "a"),
        await startMember(stack, cluster.options, "b"),
      ];
      const other = await cluster.open();
      const silent = await other.register(nodeRecord("silent"));
      await waitUntil("both lists", () => namesOf(a) === "a b silent" && namesOf(b) === "a b silent");
      server.process.freeze();
      const untilMs = performance.now() + awayMs;
      const calls = [
        () => other.list(),
        () => silent.renew(nodeRecord("silent")),
        () => other.register(nodeRecord("x")),
      ];
      while (performance.now() < untilMs) {
        const times = await Promise.all(calls.map((call) => timeOf(call())));
        expect(Math.max(...times)).toBeLessThan(callMsMax);
      }
      expect([namesOf(a), namesOf(b)]).toEqual(["a b silent", "a b silent"]);
      server.process.thaw();
      for (const member of [a, b])
        await waitUntil("the list after the thaw", () => namesOf(member) === "a b" && member.listed, {
          timeoutMs: 3 * leaseMs,
        });
      expect(await silent.renew(nodeRecord("silent"))).toBe("lost");
      expect(await idsOf(other)).toEqual(["a", "b"]);
    });

    test("is stopped at once while etcd stands still, and a process with it ends by itself", async () => {
      await using server = await startEtcdProcess();
      await using cluster = new EtcdCluster(server.url);
      const coordinator = await cluster.open();
      await coordinator.list();
      server.process.freeze();
      const pending = coordinator.list().catch(String);
      expect(await timeOf(coordinator.stop())).toBeLessThan(500);
      expect(await pending).toBe("Error: the coordinator is stopped");

      const child = spawn(process.execPath, [strayProgram, server.url], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exit = once(child, "exit");
      const [line]: unknown[] = await once(child.stdout.setEncoding("utf8"), "data");
      expect(line).toBe("stopped\n");
      const startMs = performance.now();
      expect(await exit).toEqual([0, null]);
      expect(performance.now() - startMs).toBeLessThan(callMsMax);
    });
  });

  describe.concurrent("behind a proxy", { timeout: 120_000 }, () => {
    let server: EtcdServer;
    let direct: Etcd3;

    beforeAll(async () => {
      server = await startEtcdProcess();
      direct = new Etcd3({ hosts: `http://${server.address}` });
    });

    afterAll(async () => {
      direct.close();
      await server[Symbol.asyncDispose]();
    });

    test("learns of what changed and was compacted while its watch was down", async () => {
      await using proxy = await startEtcdProxy(server.address);
      await using cluster = new EtcdCluster(server.url);
      const [near, far] = [await cluster.open(), await cluster.open({ endpoints: [proxy.address] })];
      const listed = follow(far);
      await near.register(nodeRecord("a"));
      await waitUntil("a hint", () => listed() === "a");
      proxy.rules = { swallowsAll: true };
      proxy.cutAll();
      const b = await near.register(nodeRecord("b"));
      await b.leave();
      await near.register(nodeRecord("c"));
      const { header } = await direct.kv.range({ key: Buffer.from("any") });
      await direct.kv.compact({ revision: header.revision, physical: true });
      expect(listed()).toBe("a");
      proxy.rules = {};
      await waitUntil("the list after the compaction", () => listed() === "a c", { timeoutMs: 20_000 });
      await near.register(nodeRecord("d"));
      await waitUntil("hints as before", () => listed() === "a c d");
    });

    test.each(cutsAfter)(
      "misses nothing although its watch is cut after %i bytes, three times",
      async (bytes) => {
        await using proxy = await startEtcdProxy(server.address);
        await using cluster = new EtcdCluster(server.url);
        const watches = watchRequest(cluster.options.prefix);
        proxy.rules.cutsAfter = (sent) => (proxy.cuts < 3 && watches.test(sent) ? bytes : undefined);
        const [near, far] = [await cluster.open(), await cluster.open({ endpoints: [proxy.address] })];
        const listed = follow(far);
        let nodes = "";
        // Whatever changes while the watch is down is found when it begins anew, and is no reason for a cut then.
        for (let round = 10; proxy.cuts < 3 || round < 14; round += 1) {
          expect(round).toBeLessThan(60);
          await near.register(nodeRecord(`n${round}`));
          nodes += `${nodes === "" ? "" : " "}n${round}`;
          await waitUntil(`the list after round ${round}`, () => listed() === nodes, { timeoutMs: 20_000 });
        }
        expect(proxy.cuts).toBe(3);
      },
    );

    test("enters each node once, in a slot of its own, when the replies of transactions are dropped", async () => {
      await using cluster = new EtcdCluster(server.url);
      await using stack = new AsyncDisposableStack();
      const slots: number[] = [];
      for (const nodeId of ["a", "b", "c", "d"]) {
        const { coordinator, failures } = await openWithoutReply(
          stack,
          cluster,
          `"incarnation":"${nodeId}-1"`,
        );
        const registration = await coordinator.register(nodeRecord(nodeId));
        expect(failures()).toBe(1);
        expect(await registration.renew(nodeRecord(nodeId))).toBe("kept");
        slots.push(registration.idSlot);
      }
      expect(slots).toEqual([0, 1, 2, 3]);
      expect(await idsOf(await cluster.open())).toEqual(["a", "b", "c", "d"]);
    });

    test("knows its entry again when a renewal that wrote was not answered", async () => {
      await using cluster = new EtcdCluster(server.url);
      await using stack = new AsyncDisposableStack();
      const { coordinator, failures } = await openWithoutReply(stack, cluster, '"load":0.5');
      const registration = await coordinator.register(nodeRecord("a"));
      const changed = nodeRecord("a", { load: 0.5 });
      await expect(registration.renew(changed)).rejects.toMatchObject({ kind: "unanswered" });
      expect(failures()).toBe(1);
      expect(await coordinator.list()).toEqual([changed]);
      expect(await registration.renew(changed)).toBe("kept");
      expect(await registration.renew(nodeRecord("a", { load: 0.75 }))).toBe("kept");
      expect(await coordinator.list()).toEqual([nodeRecord("a", { load: 0.75 })]);
    });

    test("has raised the mark when the reply to that was dropped", async () => {
      await using cluster = new EtcdCluster(server.url);
      await using stack = new AsyncDisposableStack();
      const { coordinator, failures } = await openWithoutReply(stack, cluster, '"tick":"7"');
      await coordinator.raiseMark({ epoch: 2n, tick: 7n });
      expect(failures()).toBe(1);
      expect(await coordinator.readMark()).toEqual({ epoch: 2n, tick: 7n });
    });

    test("asks the other server, and watches there, when one falls silent", async () => {
      await using proxy = await startEtcdProxy(server.address);
      await using cluster = new EtcdCluster(server.url);
      const near = await cluster.open();
      const endpoints = [proxy.address, server.address];
      const far = await cluster.open({ endpoints, rng: { ...cluster.options.rng, fraction: () => 0 } });
      const listed = follow(far);
      const registration = await far.register(nodeRecord("a"));
      await waitUntil("a hint", () => listed() === "a");
      proxy.rules = { swallowsAll: true };
      await expect(registration.renew(nodeRecord("a"))).rejects.toMatchObject({ kind: "unanswered" });
      expect(await registration.renew(nodeRecord("a"))).toBe("kept");
      await near.register(nodeRecord("b"));
      await waitUntil("a hint of the other server", () => listed() === "a b");
    });

    test("finds that its watch is dead although nothing else is, and begins it anew", async () => {
      await using proxy = await startEtcdProxy(server.address);
      await using cluster = new EtcdCluster(server.url);
      const [near, far] = [await cluster.open(), await cluster.open({ endpoints: [proxy.address] })];
      const listed = follow(far);
      await near.register(nodeRecord("a"));
      await waitUntil("a hint", () => listed() === "a");
      const watches = watchRequest(cluster.options.prefix);
      let hidden = 0;
      proxy.rules.hidesAnswers = (sent) => hidden === 0 && watches.test(sent) && (hidden += 1) > 0;
      // Its lease ends while nobody tells.
      await waitUntil("the list once the watch began anew", () => listed() === "", {
        timeoutMs: etcdLimits.keepaliveMs + etcdLimits.keepaliveAnswerMs + 5_000,
      });
      expect(hidden).toBe(1);
    });

    test("leaves no connection behind at a server that takes it and says nothing, and none when it is stopped", async () => {
      await using proxy = await startEtcdProxy(server.address);
      await using cluster = new EtcdCluster(server.url);
      const coordinator = await cluster.open({ endpoints: [proxy.address] });
      const registration = await coordinator.register(nodeRecord("a"));
      proxy.rules.swallowsAll = true;
      for (let round = 0; round < 5; round += 1) {
        const calls = [coordinator.list(), registration.renew(nodeRecord("a"))];
        const outcomes = await Promise.allSettled(calls);
        expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
      }
      // One of each service that is asked, and those that are on their way out.
      await waitUntil("at most three connections", () => proxy.connections <= 3);
      await coordinator.stop();
      await waitUntil("no connection", () => proxy.connections === 0);
    });

    /** A coordinator that gets no answer to the first connection on which it sends `text`, and how often it failed. */
    async function openWithoutReply(
      stack: AsyncDisposableStack,
      cluster: EtcdCluster,
      text: string,
    ): Promise<{ readonly coordinator: Coordinator; readonly failures: () => number }> {
      const proxy = stack.use(await startEtcdProxy(server.address));
      let isDropped = false;
      proxy.rules.hidesAnswers = (sent) => {
        if (isDropped || !sent.includes(text)) return false;
        isDropped = true;
        return true;
      };
      const metrics = recordingMetrics();
      const coordinator = await cluster.open({ endpoints: [proxy.address], metrics });
      return { coordinator, failures: () => metrics.totals.get("etcd_failures_total unanswered") ?? 0 };
    }
  });
});

/** How the request for a watch of the nodes shows among the bytes of a connection: a message in a message, with the key. */
function watchRequest(prefix: string): RegExp {
  return new RegExp(`\\n[^]\\n[^]${etcdKeys(prefix).nodes}`);
}
