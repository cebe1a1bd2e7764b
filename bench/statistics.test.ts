import { describe, expect, test } from "vitest";
import { FigureTable } from "./figures.ts";
import { parseOptions } from "./options.ts";
import { numberText, sectionOf, withSection } from "./report.ts";
import { latencyOf, percentile, spreadOf } from "./statistics.ts";

describe("percentiles", () => {
  test("the nearest rank is taken, whatever the order of the values", () => {
    const values = [9, 1, 8, 2, 7, 3, 6, 4, 5, 10];
    expect(percentile(values, 0.5)).toBe(5);
    expect(percentile(values, 0.99)).toBe(10);
    expect(spreadOf(values)).toEqual({ median: 5, least: 1, most: 10 });
    expect(latencyOf([7])).toEqual({ p50: 7, p99: 7, most: 7 });
  });

  test("no values have no percentile", () => {
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });
});

describe("a table of figures", () => {
  test("a ratio is formed run by run, not from the medians", () => {
    const table = new FigureTable();
    for (const [ours, theirs] of [
      [10, 20],
      [100, 50],
      [30, 10],
    ] as const) {
      table.add("ours", "x/s", ours);
      table.add("theirs", "x/s", theirs);
    }
    table.compare("ours", "theirs");
    const [ours, theirs] = table.figures();
    expect(ours?.value).toEqual({ median: 30, least: 10, most: 100 });
    expect(ours?.ratios).toEqual([{ to: "theirs", value: { median: 2, least: 0.5, most: 3 } }]);
    expect(theirs?.ratios).toEqual([]);
  });
});

describe("the document", () => {
  test("a section replaces itself and nothing else", () => {
    const first = withSection("# Title\n\nText.\n", "a", "one");
    const second = withSection(first, "b", "two");
    const third = withSection(second, "a", "three");
    expect(third).toBe(
      "# Title\n\nText.\n\n<!-- bench:a -->\n\nthree\n\n<!-- /bench:a -->\n\n<!-- bench:b -->\n\ntwo\n\n<!-- /bench:b -->\n",
    );
  });

  test("a section names the command, the commit, the machine and each ratio", () => {
    const spread = { median: 2, least: 1, most: 1234.5 };
    const figure = { name: "ours", unit: "ms", value: spread, ratios: [{ to: "theirs", value: spread }] };
    const section = sectionOf(
      "Title",
      { figures: [figure], notes: ["How."] },
      { command: "npm run bench", commit: "abc", date: "today", machine: "2 cores", node: "24", runs: 3 },
    );
    expect(section).toContain("`npm run bench` at commit abc, today, on 2 cores, Node 24; median of 3");
    expect(section).toContain("| ours   | 2.00 ms | 1.00 to 1,235 | 2.00 × theirs (1.00 to 1,235) |");
    expect(section).toContain("- How.");
    expect(numberText(Number.NaN)).toBe("–");
  });
});

describe("the options", () => {
  test("a full run writes the document, a short or profiled one does not unless told to", () => {
    expect(parseOptions([])).toMatchObject({ output: "docs/benchmarks.md", only: [], settings: { runs: 5 } });
    expect(parseOptions(["--short"]).output).toBeUndefined();
    expect(parseOptions(["--profile", "x"]).output).toBeUndefined();
    expect(
      parseOptions(["--short", "--output", "x.md", "--only", "sends,idle", "--runs", "2"]),
    ).toMatchObject({
      output: "x.md",
      only: ["sends", "idle"],
      settings: { runs: 2, idleDevices: 500 },
    });
  });

  test("runs that are no number, and options that do not exist, are refused", () => {
    expect(() => parseOptions(["--runs", "many"])).toThrow("--runs is many");
    expect(() => parseOptions(["--runs", "0"])).toThrow("1 to 100");
    expect(() => parseOptions(["--fast"])).toThrow("--fast");
  });
});
