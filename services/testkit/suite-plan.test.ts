import { describe, expect, test } from "vitest";
import { suitePlan } from "./suite-plan.ts";

describe("suitePlan", () => {
  test("a suite runs with all its tools, is skipped by name without, and fails in CI", () => {
    expect(suitePlan([], true)).toBe("run");
    expect(suitePlan(["go", "python3"], false)).toBe("skip");
    expect(suitePlan(["go"], true)).toBe("fail");
  });
});
