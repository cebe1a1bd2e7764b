import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BoundedMap } from "./bounded-map.ts";

/** A slow, obviously right model: a list from least to most recently used. */
function modelSet(list: [number, number][], key: number, value: number, limit: number): [number, number][] {
  return [...list.filter(([other]) => other !== key), [key, value] satisfies [number, number]].slice(-limit);
}

describe("BoundedMap", () => {
  test("writing beyond the limit evicts the entry used longest ago and tells so", () => {
    const evicted: string[] = [];
    const map = new BoundedMap<string, number>({
      limit: 2,
      onEvict: (key, value) => evicted.push(`${key}=${value}`),
    });
    map.set("a", 1);
    map.set("b", 2);
    expect(map.get("a")).toBe(1);
    map.set("c", 3);
    expect(evicted).toEqual(["b=2"]);
    expect([...map]).toEqual([
      ["a", 1],
      ["c", 3],
    ]);
  });

  test("peek, has, delete and clear neither refresh nor evict", () => {
    const map = new BoundedMap<string, number>({ limit: 2, onEvict: () => expect.unreachable() });
    map.set("a", 1);
    map.set("b", 2);
    expect([map.peek("a"), map.has("a"), map.get("x")]).toEqual([1, true, undefined]);
    expect([...map][0]).toEqual(["a", 1]);
    expect([map.delete("a"), map.delete("a"), map.size]).toEqual([true, false, 1]);
    map.clear();
    expect(map.size).toBe(0);
  });

  test("a limit that holds nothing is refused", () => {
    for (const limit of [0, -1, 1.5, Number.NaN])
      expect(() => new BoundedMap<string, string>({ limit })).toThrow("limit");
  });

  test("any run of reads and writes leaves what the model leaves", () => {
    const step = fc.record({ write: fc.boolean(), key: fc.nat(6), value: fc.nat() });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step), (limit, steps) => {
        const map = new BoundedMap<number, number>({ limit });
        let model: [number, number][] = [];
        for (const { write, key, value } of steps) {
          const known = model.find(([other]) => other === key)?.[1];
          const touched = write ? value : known;
          if (write) map.set(key, value);
          expect(map.get(key)).toBe(touched);
          if (touched !== undefined) model = modelSet(model, key, touched, limit);
        }
        expect([...map]).toEqual(model);
      }),
    );
  });
});
