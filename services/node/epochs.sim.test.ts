import { describe, expect, test } from "vitest";
import { checkHistory } from "../history/check-history.ts";
import { isClean } from "../history/finding.ts";
import type { SendRecord } from "../history/history.ts";
import { directConversationId } from "../message/conversation-id.ts";
import { createMessageValidator } from "../rpc/message-validator.ts";
import { seededRng } from "../testkit/seeded-rng.ts";
import { drawHabits } from "../testkit/sim/device-habits.ts";
import type { StoreMoment } from "../testkit/sim/put-back-store.ts";
import { checkVisibility, listedLog, readLog } from "../testkit/sim/sim-checks.ts";
import { SimCluster } from "../testkit/sim/sim-cluster.ts";
import { convergence } from "../testkit/sim/sim-convergence.ts";
import type { SimStoreKind } from "../testkit/sim/sim-store-core.ts";
import { createNodeCore } from "./node-core.ts";

const delay = { minMs: 0.2, maxMs: 2, tailRate: 0.01, tailMs: 30 };

/** Between two sends of one device, at most, and how long everybody writes; in virtual milliseconds. */
const thinkMsMax = 1_500;
const quietMs = 60_000;

/** The store as it was once, and when. */
interface StoreCopy {
  readonly moment: StoreMoment;
  readonly takenMs: number;
}

/** People who write to one another, and what becomes of it when the store's epoch is raised. */
class EpochRun {
  readonly cluster: SimCluster;
  readonly conversationIds: string[] = [];
  /** Acknowledged between these moments, a send may be undone. */
  readonly undone: { readonly fromMs: number; readonly toMs: number }[] = [];
  #isOver = false;

  constructor(seed: number, kind: SimStoreKind, nodes: number) {
    this.cluster = new SimCluster({
      rng: seededRng(seed),
      nodes,
      limits: { feeds: { behindEntriesMax: 20, pageEntriesMax: 5, ringEntriesMax: 8 } },
      network: { delay, streamBytesMax: 65_536, breakRate: 0.001 },
      store: {
        kind,
        delay,
        lateMsMax: 3_000,
        majorityLagMsMax: 30,
        appendFaultRate: 0.02,
        writeFaultRate: 0.02,
        readFaultRate: 0.02,
      },
      coordinator: { delay, expireLateMsMax: 0, replyLostRate: 0.1, hintLostRate: 0.1 },
      validateMessage: createMessageValidator(),
      createCore: createNodeCore,
    });
  }

  /** Starts the nodes, and six devices of four people, two of whom nobody else writes to at first. */
  async start(rng = seededRng(5)): Promise<void> {
    const { cluster } = this;
    for (const node of cluster.nodes) node.start();
    const accounts = await Promise.all([1, 2, 3, 4].map((number) => cluster.createAccount(number)));
    const [a = "", b = "", c = "", d = ""] = accounts;
    for (const [one, other] of [
      [a, b],
      [b, c],
      [c, d],
    ] as const)
      this.conversationIds.push(directConversationId(one, other));
    for (const accountId of [a, b, c, d, a, b]) {
      const own = this.conversationIds.filter((id) => id.includes(accountId));
      const habits = drawHabits(rng, thinkMsMax);
      const client = cluster.addClient({
        accountId,
        habits,
        conversations: () => own,
        isOver: () => this.#isOver,
      });
      client.device.start(rng.fraction() * 1_000);
      void client.person.write();
    }
    await this.pass(10_000);
  }

  pass(ms: number): Promise<void> {
    return this.cluster.scheduler.run(this.cluster.scheduler.nowMs + ms);
  }

  /** All nodes die, the store is put back to what it was, and they start again. */
  async putBack(copy: StoreCopy): Promise<void> {
    const { cluster } = this;
    for (const node of cluster.nodes) node.kill(false);
    this.undone.push({ fromMs: copy.takenMs, toMs: cluster.scheduler.nowMs });
    await this.pass(100);
    cluster.store.putBack(copy.moment);
    for (const node of cluster.nodes) node.start();
  }

  copy(): StoreCopy {
    return { moment: this.cluster.store.moment(), takenMs: this.cluster.scheduler.nowMs };
  }

  /** The highest epoch of an entry in each log, after everybody has come to rest; and what is wrong. */
  async end(): Promise<{
    readonly wrong: readonly string[];
    readonly epochs: readonly (bigint | undefined)[];
  }> {
    const { scheduler, journal, store, clients } = this.cluster;
    this.#isOver = true;
    store.plan.appendFaultRate = store.plan.writeFaultRate = store.plan.readFaultRate = 0;
    for (const { device } of clients) device.calm();
    const isThere = convergence(this.cluster, () => this.conversationIds);
    const converged = await scheduler.runUntil(isThere, scheduler.nowMs + quietMs);
    const logs = await Promise.all(this.conversationIds.map((id) => readLog(store.collections.entries, id)));
    const ids = new Set(logs.flatMap(({ entries }) => entries.map(({ entryId }) => entryId)));
    const devices = clients.map(({ device }) => ({ ...device.caller, held: device.held }));
    const findings = [
      ...checkHistory({
        sends: journal.sends.filter((send) => !this.#isUndone(send, ids)),
        logs: logs.map(listedLog),
        observers: devices.flatMap(({ held }) => held.histories()),
        reads: [],
      }),
      checkVisibility(devices, logs, { toTheEnd: true, wasPutBack: false }),
    ];
    return {
      wrong: [
        ...(converged ? [] : ["not converged"]),
        ...(isClean(findings) ? [] : findings.flatMap(({ violations }) => violations)),
        ...journal.complaints,
      ],
      epochs: logs.map(({ entries }) => entries.at(-1)?.epoch),
    };
  }

  #isUndone({ outcome }: SendRecord, ids: ReadonlySet<string>): boolean {
    if (outcome.kind !== "acknowledged" || ids.has(outcome.entryId)) return false;
    return this.undone.some(({ fromMs, toMs }) => outcome.endedMs >= fromMs && outcome.endedMs <= toMs);
  }
}

const runs = [1, 2, 3, 4, 5, 6].flatMap((seed) => [
  { seed, kind: "sqlite", nodes: 1 + (seed % 3) } as const,
  { seed, kind: "mongo", nodes: 1 + ((seed + 1) % 3) } as const,
]);

describe("whole nodes in simulation, whose epoch is raised", () => {
  test.each(runs)(
    "while $nodes run on $kind, seed $seed: all take it, and nobody loses anything",
    async ({ seed, kind, nodes }) => {
      const run = new EpochRun(seed, kind, nodes);
      await run.start();
      const { clients, store, metrics, nodes: hosts } = run.cluster;
      store.mayRewind = true;
      for (let mark = await store.collections.epochMark.read(); mark.epoch < 2n; ) {
        const to = { epoch: mark.epoch + 1n, tick: mark.tick, lineage: [...mark.lineage, 2n] };
        await store.collections.epochMark.raise(mark, to);
        mark = await store.collections.epochMark.read();
      }
      await run.pass(20_000);
      for (const { host } of hosts) expect(metrics.reading(host.name).metrics.get("store_epoch")).toBe(2);
      const { wrong, epochs } = await run.end();
      expect(wrong).toEqual([]);
      expect(epochs).toEqual([2n, 2n, 2n]);
      // Owners go on in the old epoch for some seconds: what they write then is sent again to those who have it.
      const streams = clients.map(({ device }) => device.tally.closed.get("DRAINING") ?? 0);
      expect(streams.some((count) => count > 0)).toBe(true);
    },
  );

  test.each(runs)(
    "because the store was put back under $nodes on $kind, seed $seed: devices hold what the logs hold",
    async ({ seed, kind, nodes }) => {
      const run = new EpochRun(seed, kind, nodes);
      await run.start();
      const older = run.copy();
      await run.pass(12_000);
      const newer = run.copy();
      await run.pass(12_000);
      await run.putBack(older);
      await run.pass(15_000);
      // An older copy again, or a newer one of what the older one had parted from.
      await run.putBack(seed % 2 === 0 ? older : newer);
      await run.pass(15_000);
      const { wrong, epochs } = await run.end();
      expect(wrong).toEqual([]);
      expect(epochs).toEqual([3n, 3n, 3n]);
      const rewound = run.cluster.clients.reduce((sum, { device }) => sum + device.tally.rewound, 0);
      expect(rewound).toBeGreaterThan(6);
    },
  );
});
