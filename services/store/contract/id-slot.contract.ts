import { describe, expect, test } from "vitest";
import type { IdSlotStore } from "../../kernel/ids.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: IdSlotStore }>;

/** What every store of id slots does. */
export function describeIdSlotContract(name: string, open: Open): void {
  describe(`id slots in ${name}`, () => {
    test("a span starts at the larger of the mark and what is asked for", async () => {
      await using opened = await open();
      expect(await opened.store.raise(0, 0n, 10)).toEqual({ from: 0n, to: 10n });
      expect(await opened.store.raise(0, 5n, 10)).toEqual({ from: 10n, to: 20n });
      expect(await opened.store.raise(0, 100n, 10)).toEqual({ from: 100n, to: 110n });
      expect(await opened.store.raise(0, 0n, 1)).toEqual({ from: 110n, to: 111n });
    });

    test("marks near the largest tick keep every bit", async () => {
      await using opened = await open();
      const large = 2n ** 53n + 1n;
      expect(await opened.store.raise(1023, large, 1)).toEqual({ from: large, to: large + 1n });
      expect(await opened.store.raise(1023, 0n, 1)).toEqual({ from: large + 1n, to: large + 2n });
    });

    test("slots have marks of their own", async () => {
      await using opened = await open();
      await opened.store.raise(0, 500n, 10);
      expect(await opened.store.raise(1, 7n, 10)).toEqual({ from: 7n, to: 17n });
    });

    test("spans taken at the same time do not overlap", async () => {
      await using opened = await open();
      const spans = await Promise.all(
        Array.from({ length: 40 }, (_, index) => opened.store.raise(0, BigInt(index * 3), 8)),
      );
      const ascending = spans.toSorted((one, other) => Number(one.from - other.from));
      for (const [index, span] of ascending.entries()) {
        expect(span.to - span.from).toBe(8n);
        expect(span.from >= (ascending[index - 1]?.to ?? 0n)).toBe(true);
      }
    });
  });
}
