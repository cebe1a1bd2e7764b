import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { silentLogger } from "../../kernel/logger.ts";
import { silentMetrics } from "../../kernel/metrics.ts";
import { systemClock } from "../../kernel/system-clock.ts";
import { parleyApplicationId } from "../../sqlite/open-database.ts";
import { alice, bob, direct, entryRow, group, headRow, memberRow } from "../contract/message-rows.ts";
import { openSqliteStore, type SqliteStore } from "./open.ts";
import { migrations } from "./schema.ts";

/** Of the SQL of each version. A version that files have must never change: add another one. */
const digests = ["cc8e81f82b9c4293", "0be0c79d73e1ca87", "43a633cdd53d7e75", "3e8037912f23a7a6"];

function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "parley-schema-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A file as version 1 left it: a group with alice and bob in it, their direct conversation, and bob's past membership. */
function makeVersion1(directory: string): void {
  using file = new DatabaseSync(join(directory, "parley.db"));
  file.exec(`PRAGMA journal_mode = WAL; PRAGMA application_id = ${parleyApplicationId}`);
  file.exec(`${migrations[0]?.sql}; PRAGMA user_version = 1`);
  const entry = file.prepare("INSERT INTO entry VALUES (?, ?, 1, ?, ?, ?, ?, ?, 0, 1700000000000, ?)");
  for (const [id, count] of [
    [group, 3],
    [direct, 2],
  ] as const) {
    for (let seq = 1; seq <= count; seq += 1) {
      entry.run(id, seq, seq, 100 + seq, alice, `id ${seq}`, new Uint8Array(32), new Uint8Array([seq]));
    }
  }
  const head = file.prepare("INSERT INTO head VALUES (?, ?, ?, ?, 1700000000000, ?, ?)");
  head.run(group, 3, 3, 3, "", "");
  head.run(direct, 2, 2, 2, alice, bob);
  const member = file.prepare("INSERT INTO membership VALUES (?, ?, ?, ?, ?, ?, ?)");
  member.run(group, alice, "0-", 1, "owner", 1, 7);
  member.run(group, bob, "0-2", 0, "member", 2, 9);
}

function open(directory: string): Promise<SqliteStore> {
  return openSqliteStore({ directory, clock: systemClock(), logger: silentLogger, metrics: silentMetrics });
}

test("the SQL of a version that files may have stays as it is", () => {
  const found = migrations.map(({ sql }) => createHash("sha256").update(sql).digest("hex").slice(0, 16));
  expect(found).toEqual(digests);
});

test("a file of version 1 opens with all that it holds, and tells what changes from then on", async () => {
  using directory = temporaryDirectory();
  makeVersion1(directory.path);
  const store = await open(directory.path);
  expect(await store.heads.read([group])).toEqual([
    headRow(group, { headSeq: 3n, messageOrdinal: 3n, appliedSeq: 3n }),
  ]);
  expect(await store.entries.readLast([group, direct])).toMatchObject([{ seq: 3n }, { seq: 2n }]);
  expect(await store.memberships.ofConversation(group)).toEqual([
    memberRow(group, alice, { role: "owner", version: 7n }),
    memberRow(group, bob, { intervals: [{ from: 0n, to: 2n }], seenSeq: 2n, version: 9n }),
  ]);
  expect(await store.memberships.newestVersion(bob)).toBe(9n);
  expect(await store.epochMark.read()).toEqual({ epoch: 1n, tick: 0n, lineage: [1n] });

  const mark = await store.changes.currentMark();
  await store.entries.append([entryRow(group, 4n, { clientMessageId: "new" })]);
  await store.memberships.apply([memberRow(group, bob, { seenSeq: 5n, version: 11n })]);
  expect(await store.changes.changedSince(mark, 100)).toMatchObject({
    heads: [{ conversationId: group, headSeq: 4n, appliedSeq: 4n }],
    members: [{ conversationId: group, accountId: bob, seenSeq: 5n }],
    more: false,
  });
  await store.stop();
  const again = await open(directory.path);
  expect((await again.changes.changedSince(mark, 100)).heads).toHaveLength(1);
  await again.stop();
});

test("several nodes that start at once on a file of version 1 all open it, and share its changes", async () => {
  using directory = temporaryDirectory();
  makeVersion1(directory.path);
  const stores = await Promise.all([1, 2, 3].map(() => open(directory.path)));
  const [one, other] = stores;
  const mark = await one?.changes.currentMark();
  await other?.entries.append([entryRow(direct, 3n, { clientMessageId: "new" })]);
  expect((await one?.changes.changedSince(mark ?? "", 10))?.heads).toMatchObject([{ headSeq: 3n }]);
  await Promise.all(stores.map((store) => store.stop()));
});
