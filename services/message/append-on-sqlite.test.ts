import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createIdAllocator } from "../kernel/ids.ts";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { createMemoryIdSlotStore } from "../store/memory/id-slot.ts";
import { createSqliteEntryStore } from "../store/sqlite/entry.ts";
import { openMessageDatabase } from "../store/sqlite/fixtures/message-database.ts";
import { createSqliteHeadStore } from "../store/sqlite/head.ts";
import { createSqliteMembershipStore } from "../store/sqlite/membership.ts";
import type { AppendCommand } from "./append-command.ts";
import { type Appender, appendParts, createAppender } from "./appender.ts";
import { createGroup, direct, group, outcomeOf, send, toGroup } from "./fixtures/append-cases.ts";
import { alice, bob, carol, createAppendWorld, dave, text } from "./fixtures/append-world.ts";
import { notedTrace } from "./fixtures/noted-trace.ts";
import type { HeadStore, MembershipStore } from "./ports.ts";

interface OpenOwner extends AsyncDisposable {
  readonly appender: Appender;
  readonly heads: HeadStore;
  readonly memberships: MembershipStore;
}

/** An owner on a database file of its own connection; several may share the file, as processes do. */
async function openOwner(path: string, slot = 0): Promise<OpenOwner> {
  const world = await createAppendWorld();
  const database = await openMessageDatabase(path);
  const clock = systemClock();
  const heads = createSqliteHeadStore(database);
  const memberships = createSqliteMembershipStore(database);
  const appender = createAppender({
    entries: createSqliteEntryStore(database),
    heads,
    memberships,
    accounts: { existing: async (ids) => new Set(ids) },
    router: { publish: () => undefined },
    ids: createIdAllocator({ store: createMemoryIdSlotStore(), clock, slot }),
    epochs: { current: () => 1n },
    epochHeads: world.epochHeads,
    digest: world.digest,
    clock,
    rng: world.rng,
    logger: silentLogger,
    metrics: silentMetrics,
    trace: notedTrace([]),
    parts: appendParts,
  });
  return {
    appender,
    heads,
    memberships,
    async [Symbol.asyncDispose]() {
      await appender.stop();
      await database.stop();
    },
  };
}

function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "parley-append-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const inTime = (command: AppendCommand): AppendCommand => ({
  ...command,
  expireMs: systemClock().monotonicMs() + 8_000,
});

describe("an appender on SQLite", () => {
  test("appends 1,000 messages and a group, and finds everything again after a restart", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "store.db");
    {
      await using owner = await openOwner(path);
      const sends = Array.from({ length: 1_000 }, (_, number) =>
        owner.appender.append(inTime(send(number + 1))),
      );
      const results = await Promise.all(sends);
      expect(results.map(outcomeOf)).toEqual(results.map((_, index) => BigInt(index + 1)));
      expect(outcomeOf(await owner.appender.append(inTime(createGroup)))).toBe(1n);
      const change = toGroup(1, alice, { kind: "addMembers", accountIds: [dave] });
      expect(outcomeOf(await owner.appender.append(inTime(change)))).toBe(2n);
    }
    await using owner = await openOwner(path);
    const [old, next, member] = await Promise.all([
      owner.appender.append(inTime(send(3, { retry: true }))),
      owner.appender.append(inTime(send(2_000))),
      owner.appender.append(inTime(toGroup(2, dave, text("hi")))),
    ]);
    expect([old, next, member].map(outcomeOf)).toEqual([3n, 1_001n, 3n]);
  });

  test("shares a file with another owner: dense numbers, nothing twice, members agreed", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "store.db");
    await using one = await openOwner(path);
    await using other = await openOwner(path);
    await one.appender.append(inTime(createGroup));
    const sends = Array.from({ length: 60 }, (_, index) => {
      const { appender } = index % 2 === 0 ? one : other;
      return appender.append(
        inTime(toGroup(index + 1, [alice, bob, carol][index % 3] ?? alice, text(`m ${index}`))),
      );
    });
    const seqs = (await Promise.all(sends)).map(outcomeOf);
    expect(seqs.toSorted((a, b) => Number(a) - Number(b))).toEqual(seqs.map((_, index) => BigInt(index + 2)));
    await one.appender.settle([group, direct]);
  });

  test("shares a file with two other owners that change the group at the same time: no effect is jumped over", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "store.db");
    await using one = await openOwner(path, 0);
    await using other = await openOwner(path, 1);
    await using third = await openOwner(path, 2);
    const owners = [one, other, third];
    await one.appender.append(inTime(createGroup));
    const changes = Array.from({ length: 45 }, (_, index) => {
      const changing =
        index % 6 === 1
          ? ({ kind: "addMembers", accountIds: [dave] } as const)
          : ({ kind: "removeMember", accountId: dave } as const);
      const body = index % 3 === 1 ? changing : text(`m ${index}`);
      const owner = owners[index % owners.length] ?? one;
      return owner.appender.append(inTime(toGroup(index + 1, alice, body, { retry: true })));
    });
    const seqs = (await Promise.all(changes)).map(outcomeOf).filter((outcome) => typeof outcome === "bigint");
    // Some changes found the group as they wanted it; all messages were appended.
    expect(seqs.length).toBeGreaterThanOrEqual(31);
    const last = BigInt(seqs.length) + 1n;
    expect(await one.heads.read([group])).toMatchObject([{ headSeq: last, appliedSeq: last }]);
    const rows = await other.memberships.ofConversation(group);
    const joined = rows.filter((row) => row.intervals.at(-1)?.to === undefined).map((row) => row.accountId);
    // What the rows say is what the log says: an owner that loads it anew decides by them.
    await using fresh = await openOwner(path, 3);
    const greeting = await fresh.appender.append(inTime(toGroup(99, dave, text("hi"))));
    expect(outcomeOf(greeting) === last + 1n).toBe(joined.includes(dave));
  });
});
