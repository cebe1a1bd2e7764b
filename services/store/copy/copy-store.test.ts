import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { silentLogger } from "../../kernel/logger.ts";
import { silentMetrics } from "../../kernel/metrics.ts";
import { systemClock } from "../../kernel/system-clock.ts";
import { systemRng } from "../../kernel/system-rng.ts";
import { copyRows } from "../contract/copy-rows.ts";
import { entryRow, group } from "../contract/message-rows.ts";
import { openSqliteCopyEnd } from "../sqlite/open.ts";
import { outcomeUnknown } from "../store-fault.ts";
import { canonicalText } from "./canonical-text.ts";
import { type CollectionName, type CopyEnd, collectionNames, type StoreCopiers } from "./collections.ts";
import { type CopyStoreOptions, compareStores, copyStore } from "./copy-store.ts";
import { copierOf } from "./verify-stores.ts";

const surroundings = { clock: systemClock(), logger: silentLogger, metrics: silentMetrics };

async function openEnd(): Promise<CopyEnd & AsyncDisposable> {
  const directory = mkdtempSync(join(tmpdir(), "parley-copy-"));
  const end = await openSqliteCopyEnd({ directory, ...surroundings });
  return {
    ...end,
    async [Symbol.asyncDispose]() {
      await end.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function fill(end: CopyEnd, name: CollectionName): Promise<void> {
  await copierOf(end.copiers, name).writeAll(copyRows[name]);
}

/** A store with rows in every collection, and pages of entries. */
async function openFilled(): Promise<CopyEnd & AsyncDisposable> {
  const end = await openEnd();
  for (const name of collectionNames) await fill(end, name);
  const more = Array.from({ length: 700 }, (_, index) => entryRow(group, BigInt(index + 100)));
  await end.copiers.entry.writeAll(more);
  return end;
}

function optionsOf(from: CopyEnd, to: CopyEnd): CopyStoreOptions {
  const { signal } = new AbortController();
  const { clock } = surroundings;
  return { from, to, clock, rng: systemRng(), signal, watchMs: 0, onProgress: () => undefined };
}

test("all that a store holds is in the copy, which is told by counts and checksums", async () => {
  await using from = await openFilled();
  await using to = await openEnd();
  const progress: number[] = [];
  const compared = await copyStore({
    ...optionsOf(from, to),
    onProgress: ({ phase, rows }) => void (phase === "copying" && progress.push(rows)),
  });
  const rows = new Map(compared.map((one) => [one.collection, one.rows]));
  expect([...rows.keys()]).toEqual(collectionNames);
  expect(rows.get("entry")).toBe(copyRows.entry.length + 700);
  expect(compared.every(({ difference }) => difference === undefined)).toBe(true);
  expect(new Set(compared.map(({ checksum }) => checksum)).size).toBe(collectionNames.length);
  expect(progress.at(-1)).toBe([...rows.values()].reduce((sum, count) => sum + count));
  expect(await to.mark.read()).toBeUndefined();
  expect(await compareStores(optionsOf(from, to))).toEqual(compared);
});

/** Fails once, at the given call of all, before or after the call took place. */
function failingAt(end: CopyEnd, call: number, isAfter: boolean): CopyEnd {
  let left = call;
  const counted = async <T>(work: () => Promise<T>): Promise<T> => {
    left -= 1;
    if (left !== 0) return work();
    if (isAfter) await work();
    throw new Error("the process was killed");
  };
  const wrapped = (name: CollectionName): object => {
    const copier = copierOf(end.copiers, name);
    return { ...copier, writeAll: (rows: never) => counted(() => copier.writeAll(rows)) };
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys, each with the copier that it had
  const copiers = Object.fromEntries(
    collectionNames.map((name) => [name, wrapped(name)]),
  ) as unknown as StoreCopiers;
  return { ...end, copiers, mark: { ...end.mark, put: (mark) => counted(() => end.mark.put(mark)) } };
}

test("a copy that ended at any write goes on where it was, and comes to the same", {
  timeout: 60_000,
}, async () => {
  await using from = await openFilled();
  for (let call = 1; ; call += 3) {
    await using to = await openEnd();
    const failing = failingAt(to, call, call % 2 === 0);
    const copied = { first: 0, again: 0 };
    const count = (run: keyof typeof copied, end: CopyEnd): CopyStoreOptions => ({
      ...optionsOf(from, end),
      onProgress: ({ phase, rows }) => {
        if (phase === "copying") copied[run] = rows;
      },
    });
    const failed = await copyStore(count("first", failing)).then(
      () => false,
      () => true,
    );
    if (!failed) break;
    const compared = await copyStore(count("again", to));
    expect(compared.filter(({ difference }) => difference !== undefined)).toEqual([]);
    // What was there and marked is not copied again.
    const inAll = compared.reduce((sum, { rows }) => sum + rows, 0);
    expect(copied.again).toBeLessThanOrEqual(inAll - copied.first);
  }
});

test("a store that is not empty, or holds a part of another one, is refused and left as it is", async () => {
  await using from = await openFilled();
  await using other = await openEnd();
  await fill(other, "epoch_mark");
  await expect(copyStore(optionsOf(from, other))).rejects.toThrow("not empty: there are rows in epoch_mark");
  await using begun = await openEnd();
  await begun.mark.put({ source: "another", collection: "entry", after: undefined });
  await expect(copyStore(optionsOf(from, begun))).rejects.toThrow("a part of another store");
  expect(await begun.copiers.account.count()).toBe(0);
  await expect(copyStore(optionsOf(begun, other))).rejects.toThrow("did not come to its end");
});

test("a store on which a node ran meanwhile is told by its mark, and the copy stays unfinished", async () => {
  await using from = await openFilled();
  await using to = await openEnd();
  let isRaised = false;
  const onProgress = (): void => {
    if (isRaised) return;
    isRaised = true;
    void from.copiers.epoch_mark.writeAll([{ epoch: 10n, tick: 2n ** 41n, lineage: [10n] }]);
  };
  await expect(copyStore({ ...optionsOf(from, to), onProgress })).rejects.toThrow("changed meanwhile");
  expect(await to.mark.read()).toBeDefined();
});

test("a row that differs, is missing or is too much is named with its collection and range, and the copy stays unfinished", async () => {
  await using from = await openFilled();
  await using to = await openEnd();
  const broken: CopyEnd = {
    ...to,
    copiers: {
      ...to.copiers,
      entry: {
        ...to.copiers.entry,
        writeAll: (rows) =>
          to.copiers.entry.writeAll(
            rows.map((row) => (row.seq === 400n ? { ...row, digest: new Uint8Array(32) } : row)),
          ),
      },
      personal: { ...to.copiers.personal, writeAll: (rows) => to.copiers.personal.writeAll(rows.slice(1)) },
      id_slot: {
        ...to.copiers.id_slot,
        writeAll: (rows) => to.copiers.id_slot.writeAll([...rows, { slot: 5, mark: 1n }]),
      },
    },
  };
  const compared = await copyStore(optionsOf(from, broken));
  const differing = compared.filter(({ difference }) => difference !== undefined);
  expect(differing.map(({ collection, difference }) => [collection, difference?.key])).toEqual([
    ["id_slot", ["10"]],
    ["entry", [group, "400"]],
    ["personal", copyRows.personal.slice(0, 1).flatMap((row) => [[row.accountId, row.conversationId]])[0]],
  ]);
  const [, entries] = differing;
  expect(entries?.difference?.firstKey?.[0]).toBe(group);
  expect(Number(entries?.difference?.firstKey?.[1])).toBeLessThanOrEqual(400);
  expect(Number(entries?.difference?.lastKey?.[1])).toBeGreaterThanOrEqual(400);
  expect(await to.mark.read()).toBeDefined();
});

test("what a store could not answer is tried again", async () => {
  await using from = await openFilled();
  await using to = await openEnd();
  let failures = 0;
  const shaky: CopyEnd = {
    ...to,
    copiers: {
      ...to.copiers,
      head: {
        ...to.copiers.head,
        writeAll: async (rows) => {
          await to.copiers.head.writeAll(rows);
          failures += 1;
          if (failures < 3) throw outcomeUnknown(new Error("no answer"));
        },
      },
    },
  };
  const compared = await copyStore(optionsOf(from, shaky));
  expect(failures).toBe(3);
  expect(compared.every(({ difference }) => difference === undefined)).toBe(true);
});

test("rows have one text each, whatever the order of their fields, and types are told apart", () => {
  expect(canonicalText({ a: 1n, b: undefined, c: new Uint8Array([1]) })).toBe(
    canonicalText({ c: Buffer.from([1]), a: 1n }),
  );
  const texts = [1n, 1, "1", "i1", new Uint8Array([1]), [1n], null, ["1,2"], ["1", "2"]].map(canonicalText);
  expect(new Set(texts).size).toBe(texts.length);
});
