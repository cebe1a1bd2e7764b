import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRecentIds } from "./recent-ids.ts";

const digest = new Uint8Array([1]);
const key = (clientMessageId: string, senderId = "alice") => ({ senderId, clientMessageId });

describe("recent ids", () => {
  test("an id is pending from its begin to its settlement, and then has its result", () => {
    const ids = createRecentIds<string, string>(2);
    expect(ids.find(key("a"))).toBeUndefined();
    ids.begin(key("a"), digest, "on its way");
    expect(ids.find(key("a"))).toEqual({ kind: "pending", digest, pending: "on its way" });
    ids.settle(key("a"), digest, "entry 1");
    expect(ids.find(key("a"))).toEqual({ kind: "settled", digest, result: "entry 1" });
  });

  test("a withdrawn id is unknown again, a settled one stays", () => {
    const ids = createRecentIds<string, string>(2);
    ids.begin(key("a"), digest, "on its way");
    ids.withdraw(key("a"));
    expect(ids.find(key("a"))).toBeUndefined();
    ids.settle(key("b"), digest, "entry 1");
    ids.withdraw(key("b"));
    expect(ids.find(key("b"))?.kind).toBe("settled");
  });

  test("the same id of two senders is two ids", () => {
    const ids = createRecentIds<string, string>(2);
    ids.settle(key("a", "alice"), digest, "hers");
    expect(ids.find(key("a", "bob"))).toBeUndefined();
  });

  test("only the ids settled last are kept, and those in flight are never forgotten", () => {
    const settledMax = 3;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 })), (settled) => {
        const ids = createRecentIds<string, number>(settledMax);
        ids.begin(key("in flight"), digest, "on its way");
        for (const [index, id] of settled.entries()) ids.settle(key(`${id}`), digest, index);
        const newest = new Set(settled.toReversed());
        const kept = [...newest].slice(0, settledMax);
        for (const id of newest) expect(ids.find(key(`${id}`)) !== undefined).toBe(kept.includes(id));
        expect(ids.find(key("in flight"))?.kind).toBe("pending");
        expect(ids.size).toBe(kept.length + 1);
      }),
    );
  });
});
