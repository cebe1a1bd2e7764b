import { describe, expect, test } from "vitest";
import { renderSection, replaceSection } from "./proof-document.ts";

const run = {
  command: "npm run proof",
  commit: "abc1234",
  date: "2026-01-31",
  machine: "2 cores",
  seconds: 12.3,
};
const clean = { check: "no loss", examined: 3, violationCount: 0, violations: [] };

describe("replaceSection", () => {
  test("begins an empty page with what the proof does not say", () => {
    const page = replaceSection("", "crash", "## Crash");
    expect(page).toContain("# Reliability");
    expect(page).toContain("power loss is configured");
    expect(page).toContain("<!-- proof crash begin -->\n## Crash\n<!-- proof crash end -->");
  });

  test("replaces its own section only, wherever it stands", () => {
    const first = replaceSection(replaceSection("", "crash", "## Crash, old"), "reconnect", "## Reconnect");
    const page = replaceSection(first, "crash", "## Crash, new");
    expect(page).not.toContain("old");
    expect(page).toBe(first.replace("old", "new"));
  });

  test("adds a section after what people have written", () => {
    expect(replaceSection("# Mine\n\nText.\n", "crash", "## Crash")).toMatch(
      /^# Mine\n\nText\.\n\n<!-- proof crash/,
    );
  });
});

describe("renderSection", () => {
  test("says passed, where, and what was looked at; a check that saw nothing is left out", () => {
    const unused = { ...clean, check: "unused", examined: 0 };
    const text = renderSection("Crash", run, {
      findings: [clean, unused],
      figures: [["kills", "20"]],
      void: [],
    });
    expect(text).toContain("**Passed** on 2026-01-31 at commit abc1234, in 12 s, on 2 cores.");
    expect(text).toContain("| kills | 20 |");
    expect(text).toContain("| no loss | 3 | 0 |");
    expect(text).not.toContain("unused");
  });

  test("says failed with every problem, and for a run that proves nothing too", () => {
    const broken = { ...clean, violationCount: 1, violations: ["m1 is not in the log"] };
    const text = renderSection("Crash", run, {
      findings: [broken],
      figures: [],
      void: ["nothing was under way"],
    });
    expect(text).toContain("**Failed**");
    expect(text).toContain("m1 is not in the log");
    expect(renderSection("Crash", run, { findings: [clean], figures: [], void: ["empty"] })).toContain(
      "**Failed**",
    );
  });
});
