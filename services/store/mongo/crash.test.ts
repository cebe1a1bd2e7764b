import { expect, test } from "vitest";
import { type Clock, sleep } from "../../kernel/clock.ts";
import { systemClock } from "../../kernel/system-clock.ts";
import type { AppendOutcome, EntryLogStore, EntryRow } from "../../message/ports.ts";
import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { entryRow, group } from "../contract/message-rows.ts";
import { createMongoEntryStore } from "./entry.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";

const clock: Clock = systemClock();

/** Appends to a conversation as its owner does, and believes what it last read, though there is another one. */
class Owner {
  /** Client ids of entries that the store said are there. */
  readonly acknowledged: string[] = [];
  readonly met = new Map<AppendOutcome["kind"], number>();
  isAppending = false;
  readonly #name: string;
  readonly #entries: EntryLogStore;
  #last = 0n;

  constructor(name: string, entries: EntryLogStore) {
    this.#name = name;
    this.#entries = entries;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const clientMessageId = `${this.#name} ${this.acknowledged.length}`;
      this.isAppending = true;
      const outcome = await this.#entries.append([entryRow(group, this.#last + 1n, { clientMessageId })]);
      this.isAppending = false;
      this.met.set(outcome.kind, (this.met.get(outcome.kind) ?? 0) + 1);
      if (outcome.kind === "committed") {
        this.#last += 1n;
        this.acknowledged.push(clientMessageId);
      } else {
        const rows = await readUntilAnswered(this.#entries, this.#last);
        if (rows.some((row) => row.clientMessageId === clientMessageId))
          this.acknowledged.push(clientMessageId);
        this.#last = rows.at(-1)?.seq ?? this.#last;
      }
      // Few entries are enough, and the other one gets its turn.
      await sleep(clock, 15);
    }
  }
}

function readUntilAnswered(entries: EntryLogStore, afterSeq: bigint): Promise<EntryRow[]> {
  const limit = { entriesMax: 1_000, bytesMax: 2 ** 20 };
  const read = (): Promise<EntryRow[] | undefined> =>
    entries.readAfter(group, afterSeq, limit).catch(() => undefined);
  return waitUntil("an answered read", read, { timeoutMs: 15_000 });
}

suiteWithout(missingForMongo())("entries on a MongoDB that is killed and stands still", () => {
  const { open, process } = useMongoServer();

  test("are dense and hold what was acknowledged, once, though two owners append", async (context) => {
    const harm = process();
    if (harm === undefined) return context.skip("it is a server that others may use");
    await using one = await open(createMongoEntryStore);
    const owners = ["one", "other"].map((name) => new Owner(name, one.store));
    const ending = new AbortController();
    const running = Promise.all(owners.map((owner) => owner.run(ending.signal)));
    const grown = async (): Promise<void> => {
      const goal = Math.max(...owners.map((owner) => owner.acknowledged.length)) + 10;
      const isReached = (): boolean => owners.some((owner) => owner.acknowledged.length >= goal);
      await waitUntil(`${goal} entries of an owner`, isReached, { timeoutMs: 15_000 });
    };
    for (let round = 1; round <= 4; round += 1) {
      await grown();
      await waitUntil("an append under way", () => owners.some((owner) => owner.isAppending));
      await harm.kill();
      await harm.start();
    }
    await grown();
    harm.freeze();
    await sleep(clock, 1_000);
    harm.thaw();
    await grown();
    ending.abort();
    await running;

    const log = await readUntilAnswered(one.store, 0n);
    expect(log.map((row) => row.seq)).toEqual(log.map((_, index) => BigInt(index + 1)));
    const ids = log.map((row) => row.clientMessageId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(owners.flatMap((owner) => owner.acknowledged)));
    // Otherwise it has proved nothing.
    const met = (kind: AppendOutcome["kind"]): number =>
      owners.reduce((sum, owner) => sum + (owner.met.get(kind) ?? 0), 0);
    expect(met("duplicate")).toBeGreaterThan(0);
    expect(met("unknown")).toBeGreaterThan(1);
  });
});
