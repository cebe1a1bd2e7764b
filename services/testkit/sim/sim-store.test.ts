import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import type { AppendOutcome, EntryRow } from "../../message/ports.ts";
import type { NodeStore } from "../../node/node-core.ts";
import { direct, entryRow, group, headRow } from "../../store/contract/message-rows.ts";
import { seededRng } from "../seeded-rng.ts";
import { SimHost } from "./sim-host.ts";
import { SimScheduler } from "./sim-scheduler.ts";
import { SimStore } from "./sim-store.ts";
import { appendFaultsOf, type SimStoreKind, type StorePlan } from "./sim-store-core.ts";

const wholePage = { entriesMax: 100, bytesMax: 2 ** 20 };
const rows: readonly EntryRow[] = [1n, 2n, 3n].map((seq) => entryRow(group, seq));

class Stage {
  readonly scheduler: SimScheduler;
  readonly store: SimStore;
  readonly hosts: readonly SimHost[];
  readonly views: readonly NodeStore[];

  constructor(kind: SimStoreKind, plan: Partial<StorePlan> = {}, seed = 1) {
    const rng = seededRng(seed);
    this.scheduler = new SimScheduler(rng.fork());
    this.store = new SimStore(this.scheduler, rng.fork(), {
      kind,
      delay: { minMs: 1, maxMs: 2, tailRate: 0, tailMs: 0 },
      appendFaultRate: 0,
      writeFaultRate: 0,
      readFaultRate: 0,
      lateMsMax: 100,
      majorityLagMsMax: 0,
      ...plan,
    });
    this.hosts = ["n1", "n2"].map((name) => new SimHost(this.scheduler, name, rng.fork()));
    this.views = this.hosts.map((host) => this.store.view(host.boot()));
  }

  view(index: number): NodeStore {
    const view = this.views[index];
    if (view === undefined) throw new Error(`no view ${index}`);
    return view;
  }

  /** The result of a call, while as little time passes as it takes. */
  async answer<T>(call: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => void (isOver = true);
    call.then(over, over);
    if (!(await this.scheduler.runUntil(() => isOver, this.scheduler.nowMs + 60_000)))
      throw new Error("no answer");
    return call;
  }

  append(index: number, batch: readonly EntryRow[]): Promise<AppendOutcome> {
    return this.answer(this.view(index).entries.append(batch));
  }

  /** Numbers in the log, by a reader without delays who sees what a majority has. */
  async seqs(): Promise<bigint[]> {
    const log = await this.store.collections.entries.readAfter(group, 0n, wholePage);
    return log.map(({ seq }) => seq);
  }

  pass(ms: number): Promise<void> {
    return this.scheduler.run(this.scheduler.nowMs + ms);
  }
}

describe("SimStore", () => {
  test("like sqlite raises heads with the append, as far as nothing has effects; like mongo it does not", async () => {
    for (const kind of ["sqlite", "mongo"] as const) {
      const stage = new Stage(kind);
      const batch = [
        ...rows,
        entryRow(group, 4n, { hasEffects: true }),
        entryRow(group, 5n),
        entryRow(direct, 1n),
      ];
      expect(await stage.append(0, batch)).toEqual({ kind: "committed", headsRaised: kind === "sqlite" });
      const heads = await stage.answer(stage.view(1).heads.read([group, direct]));
      const found = heads.map((row) => [row.headSeq, row.appliedSeq, row.memberLow]);
      expect(found).toEqual(
        kind === "sqlite"
          ? [
              [5n, 3n, ""],
              [1n, 1n, "a000000000001"],
            ]
          : [],
      );
    }
  });

  test("a duplicate ends a batch where it stands, and what came before it is written", async () => {
    const stage = new Stage("sqlite");
    await stage.append(0, rows.slice(0, 1));
    const batch = [
      entryRow(group, 2n),
      entryRow(group, 1n, { clientMessageId: "other" }),
      entryRow(group, 3n),
    ];
    expect(await stage.append(1, batch)).toEqual({ kind: "duplicate", index: 1, headsRaised: true });
    expect(await stage.seqs()).toEqual([1n, 2n]);
    expect(stage.store.tally).toMatchObject({ appends: 2, entries: 2, takeovers: 1, unknownOutcomes: 0 });
  });

  test.each(["sqlite", "mongo"] as const)("like %s ends appends in every way it should", async (kind) => {
    const ends = new Set<string>();
    for (let seed = 0; seed < 80; seed += 1) {
      const stage = new Stage(kind, { appendFaultRate: 1 }, seed);
      const { kind: outcome } = await stage.append(0, rows);
      const before = (await stage.seqs()).length;
      await stage.pass(200);
      ends.add(`${outcome}: ${before}, then ${(await stage.seqs()).length}`);
      expect(stage.store.tally.unknownOutcomes).toBe(outcome === "unknown" ? 1 : 0);
    }
    const prefixes = kind === "mongo" ? ["unknown: 1, then 1", "unknown: 2, then 2"] : [];
    expect(ends).toEqual(
      new Set([
        "refused: 0, then 0",
        "unknown: 0, then 0",
        "unknown: 3, then 3",
        "unknown: 0, then 3",
        ...prefixes,
      ]),
    );
    expect(appendFaultsOf[kind].includes("rollBack")).toBe(kind === "mongo");
  });

  test("other writes that fail are done, done later, or not done", async () => {
    const ends = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      const stage = new Stage("mongo", { writeFaultRate: 1 }, seed);
      const raised = stage.answer(stage.view(0).heads.raise([headRow(group)]));
      await expect(raised).rejects.toMatchObject({
        reason: ErrorReason.STORE_UNAVAILABLE,
        retryDelayMs: 1_000,
      });
      const count = async (): Promise<number> => (await stage.store.collections.heads.read([group])).length;
      const before = await count();
      await stage.pass(200);
      ends.add(`${before} ${await count()}`);
      expect(stage.store.tally.writesFailed).toBe(1);
    }
    expect(ends).toEqual(new Set(["0 0", "0 1", "1 1"]));
  });

  test("reads fail by chance, and a failed one says that the store is away", async () => {
    const stage = new Stage("sqlite", { readFaultRate: 1 });
    const read = stage.answer(stage.view(0).entries.readLast([group]));
    await expect(read).rejects.toMatchObject({ reason: ErrorReason.STORE_UNAVAILABLE });
    expect(stage.store.tally.readsFailed).toBe(1);
  });

  test("away, it refuses appends or leaves them unknown, and rejects everything else, at once or late", async () => {
    const outcomes = new Set<string>();
    const waits = new Set<boolean>();
    for (let seed = 0; seed < 40; seed += 1) {
      const stage = new Stage("mongo", {}, seed);
      stage.store.setAway(true);
      outcomes.add((await stage.append(0, rows)).kind);
      const beganMs = stage.scheduler.nowMs;
      await expect(stage.answer(stage.view(0).memberships.apply([]))).rejects.toThrow("away");
      waits.add(stage.scheduler.nowMs - beganMs > 1_000);
      await expect(stage.answer(stage.view(1).changes.currentMark())).rejects.toThrow("away");
      expect(await stage.seqs()).toEqual([]);
      stage.store.setAway(false);
      expect((await stage.append(0, rows)).kind).toBe("committed");
    }
    expect(outcomes).toEqual(new Set(["refused", "unknown"]));
    expect(waits).toEqual(new Set([true, false]));
  });

  test("it can be away from one host and there for the other", async () => {
    const stage = new Stage("sqlite");
    stage.store.setAwayFrom("n1", true);
    expect((await stage.append(0, rows)).kind).not.toBe("committed");
    expect((await stage.append(1, rows)).kind).toBe("committed");
    stage.store.setAwayFrom("n1", false);
    expect(await stage.answer(stage.view(0).entries.readLast([group]))).toHaveLength(1);
  });
});

describe("a process that dies", () => {
  test("takes an append with it that its own worker has not done, and leaves one that it has", async () => {
    for (const [passMs, count] of [
      [0.5, 0],
      [2.1, 3],
    ] as const) {
      const stage = new Stage("sqlite");
      let isAnswered = false;
      void stage
        .view(0)
        .entries.append(rows)
        .then(() => (isAnswered = true));
      await stage.pass(passMs);
      stage.hosts[0]?.crash();
      await stage.pass(1_000);
      expect([(await stage.seqs()).length, isAnswered, stage.store.tally.unheard]).toEqual([count, false, 1]);
    }
  });

  test("leaves an append on its way to a server, or not", async () => {
    const counts = new Set<number>();
    for (let seed = 0; seed < 30; seed += 1) {
      const stage = new Stage("mongo", {}, seed);
      void stage.view(0).entries.append(rows);
      stage.hosts[0]?.crash();
      await stage.pass(1_000);
      counts.add((await stage.seqs()).length);
    }
    expect(counts).toEqual(new Set([0, 3]));
  });
});

describe("a process that is frozen", () => {
  test("does not append on a shared file, and often keeps the others from it until its thaw", async () => {
    const kinds = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) {
      const stage = new Stage("sqlite", {}, seed);
      const frozen = stage.hosts[0]?.process;
      if (frozen === undefined) throw new Error("n1 is down");
      const own = stage.view(0).entries.append(rows);
      stage.hosts[0]?.freeze();
      stage.store.frozen(frozen);
      const other = entryRow(direct, 1n);
      const { kind } = await stage.append(1, [other]);
      kinds.add(kind);
      expect(await stage.answer(stage.view(1).entries.readLast([group]))).toEqual([]);
      stage.hosts[0]?.thaw();
      expect((await stage.answer(own)).kind).toBe("committed");
      expect((await stage.append(1, [entryRow(direct, 2n)])).kind).toBe("committed");
    }
    expect(kinds).toEqual(new Set(["committed", "refused"]));
  });
});

describe("a majority", () => {
  test("shows a row later than the indexes of the primary meet it", async () => {
    const stage = new Stage("mongo", { majorityLagMsMax: 50 }, 3);
    const own = stage.view(0).entries.append(rows);
    await stage.pass(3);
    const { entries } = stage.store.collections;
    const conflict = await entries.append([entryRow(group, 1n, { clientMessageId: "other" })]);
    expect(conflict).toMatchObject({ kind: "duplicate", index: 0 });
    const key = { senderId: rows[0]?.senderId ?? "", clientMessageId: rows[0]?.clientMessageId ?? "" };
    const reads = async (): Promise<number[]> => [
      (await entries.readAfter(group, 0n, wholePage)).length,
      (await entries.readBefore(group, 9n, wholePage)).length,
      (await entries.readLast([group])).length,
      (await entries.readByClientIds(group, [key])).length,
    ];
    expect(await reads()).toEqual([0, 0, 0, 0]);
    // Committed means: by a majority.
    expect((await stage.answer(own)).kind).toBe("committed");
    expect(await reads()).toEqual([3, 3, 1, 1]);
  });

  test("shows the rows before the one that it has not yet", async () => {
    const stage = new Stage("mongo");
    const { entries } = stage.store.collections;
    await entries.append(rows.slice(0, 2));
    await entries.appendLagging(rows.slice(2), 50);
    expect(await stage.seqs()).toEqual([1n, 2n]);
    expect((await entries.readLast([group])).map(({ seq }) => seq)).toEqual([2n]);
    expect((await entries.readBefore(group, 9n, wholePage)).map(({ seq }) => seq)).toEqual([2n, 1n]);
    await stage.pass(51);
    expect(await stage.seqs()).toEqual([1n, 2n, 3n]);
  });

  test("never shows a row that is rolled back, whose number and id are free again afterwards", async () => {
    const stage = new Stage("mongo");
    const { entries } = stage.store.collections;
    entries.rollBack(rows.slice(1, 2), 50);
    expect(await entries.append(rows)).toMatchObject({ kind: "duplicate", index: 1 });
    const sameId = entryRow(group, 5n, { clientMessageId: rows[1]?.clientMessageId ?? "" });
    expect(await entries.append([sameId])).toMatchObject({ kind: "duplicate", index: 0 });
    expect(await stage.seqs()).toEqual([1n]);
    await stage.pass(51);
    expect((await entries.append(rows.slice(1))).kind).toBe("committed");
  });
});
