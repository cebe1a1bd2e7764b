import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nearestName } from "./nearest-name.ts";

const known = ["public.port", "public.host", "mesh.port", "log.level"];

describe("nearestName", () => {
  test.each([
    ["public.prot", "public.port"],
    ["pubic.host", "public.host"],
    ["log.levels", "log.level"],
    ["mesh.part", "mesh.port"],
  ])("%s was meant to be %s", (name, meant) => {
    expect(nearestName(name, known)).toBe(meant);
  });

  test("nothing is suggested for a name that is far from all", () => {
    expect(nearestName("database.url", known)).toBeUndefined();
    expect(nearestName("x", [])).toBeUndefined();
  });

  test("a known name is nearest to itself, and one typing error away it is still found", () => {
    const name = fc.stringMatching(/^[a-z]{6,12}$/);
    fc.assert(
      fc.property(name, fc.nat(5), (word, position) => {
        expect(nearestName(word, [word, `${word}xxxx`])).toBe(word);
        expect(nearestName(word.slice(0, position) + word.slice(position + 1), [word])).toBe(word);
      }),
    );
  });
});
