import { describe, expect, test } from "vitest";
import { lineAt, maskSource } from "./masked-source.ts";

/** The code that is left, without the blanks. */
function left(source: string): string {
  return maskSource(source).code.replaceAll(/ +/g, " ").trim();
}

describe("maskSource", () => {
  test.each([
    ["a line comment", "a; // let b", "a;"],
    ["a block comment", "a; /* let b */ c;", "a; c;"],
    ["strings, with escaped quotes", `f("let \\" b", 'x')`, `f(" ", ' ')`],
    ["a slash-slash within a string", `f("http://x"); let y`, `f(" "); let y`],
    ["template text, but not the code in it", "f(`let ${ g(`in ${h}`) } b`)", "f(` ${ g(` ${h}`) } `)"],
    ["objects within template code", "`a ${ { b: 1 }.b } c` + d", "` ${ { b: 1 }.b } ` + d"],
    [
      "regular expressions, with classes and quotes",
      `x.replace(/["'/]\\//g, y); let z`,
      "x.replace( g, y); let z",
    ],
    ["a regular expression after return", "return /`/.test(x); let z", "return .test(x); let z"],
    ["but not divisions", "a / b / c; let z", "a / b / c; let z"],
    ["nor divisions after brackets", "f(a) / b[1] / c; let z", "f(a) / b[1] / c; let z"],
  ])("blanks out %s", (_, source, code) => {
    expect(left(source)).toBe(code);
  });

  test("the result has the length and the lines of the source", () => {
    const source = "/* one\ntwo */ `three\n${four}\n` // five\n'six'";
    const { code, commented } = maskSource(source);
    expect(code).toHaveLength(source.length);
    expect(code.split("\n").map((line) => line.length)).toEqual(
      source.split("\n").map((line) => line.length),
    );
    expect([...commented]).toEqual([0, 1, 3]);
  });

  test("lines are counted from 0", () => {
    expect([0, 1, 2, 3].map((offset) => lineAt("a\nb\n", offset))).toEqual([0, 0, 1, 1]);
  });
});
