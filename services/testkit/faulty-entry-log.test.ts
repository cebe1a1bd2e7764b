import { describe, expect, test } from "vitest";
import type { EntryLogStore, EntryRow } from "../message/ports.ts";
import { entryRow, group } from "../store/contract/message-rows.ts";
import { createMemoryEntryStore } from "../store/memory/entry.ts";
import { FakeClock } from "./fake-clock.ts";
import { type AppendFault, createFaultyEntryLog, type FaultyEntryLog } from "./faulty-entry-log.ts";
import { seededRng } from "./seeded-rng.ts";

const rows: readonly EntryRow[] = [1n, 2n, 3n, 4n].map((seq) => entryRow(group, seq));

interface Bench {
  readonly clock: FakeClock;
  readonly log: EntryLogStore;
  readonly faulty: FaultyEntryLog;
  count(): Promise<number>;
}

function benchWith(faults: readonly AppendFault[], readFaultRate = 0): Bench {
  const clock = new FakeClock();
  const log = createMemoryEntryStore();
  const rates = { appendFaultRate: faults.length === 0 ? 0 : 1, readFaultRate, delayMsMax: 0, lateMsMax: 50 };
  const faulty = createFaultyEntryLog(log, { clock, rng: seededRng(3), faults, ...rates });
  const count = async (): Promise<number> =>
    (await log.readAfter(group, 0n, { entriesMax: 10, bytesMax: 2 ** 20 })).length;
  return { clock, log, faulty, count };
}

async function append({ clock, faulty }: Bench): Promise<string> {
  const outcome = faulty.append(rows);
  await clock.advance(0);
  return (await outcome).kind;
}

describe("a faulty entry log", () => {
  test("without faults is the log that it wraps", async () => {
    const bench = benchWith([]);
    expect(await append(bench)).toBe("committed");
    expect(await bench.count()).toBe(4);
    expect(bench.faulty.injected.size).toBe(0);
  });

  test.each<[AppendFault, string, number]>([
    ["refuse", "refused", 0],
    ["loseUnknown", "unknown", 0],
    ["applyUnknown", "unknown", 4],
  ])("%s ends as %s with %i rows", async (fault, kind, count) => {
    const bench = benchWith([fault]);
    expect(await append(bench)).toBe(kind);
    expect(await bench.count()).toBe(count);
    expect(bench.faulty.injected.get(fault)).toBe(1);
  });

  test("a late batch is written after its answer", async () => {
    const bench = benchWith(["late"]);
    expect(await append(bench)).toBe("unknown");
    expect(await bench.count()).toBe(0);
    await bench.clock.advance(50);
    expect(await bench.count()).toBe(4);
  });

  test("a prefix is written in order, of any length", async () => {
    const counts = new Set<number>();
    for (let seed = 0; seed < 40; seed += 1) {
      const clock = new FakeClock();
      const log = createMemoryEntryStore();
      const rates = { appendFaultRate: 1, readFaultRate: 0, delayMsMax: 0, lateMsMax: 1 };
      const faulty = createFaultyEntryLog(log, {
        clock,
        rng: seededRng(seed),
        faults: ["prefixUnknown"],
        ...rates,
      });
      await append({ clock, log, faulty, count: async () => 0 });
      const written = await log.readAfter(group, 0n, { entriesMax: 10, bytesMax: 2 ** 20 });
      expect(written).toEqual(rows.slice(0, written.length));
      counts.add(written.length);
    }
    expect(counts).toEqual(new Set([0, 1, 2, 3, 4]));
  });

  test("reads fail with the fault of a store that is away, until it is healed", async () => {
    const { clock, faulty } = benchWith([], 1);
    const [failing] = await Promise.allSettled([faulty.readLast([group]), clock.advance(0)]);
    expect(failing).toMatchObject({ status: "rejected", reason: { message: "simulated fault: read" } });
    expect(faulty.injected.get("read")).toBe(1);
    faulty.heal();
    const healed = faulty.readLast([group]);
    await clock.advance(0);
    expect(await healed).toEqual([]);
  });
});
