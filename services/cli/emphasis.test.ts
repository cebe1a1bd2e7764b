import { expect, test } from "vitest";
import { emphasisFor } from "./emphasis.ts";

test("there are colours on a terminal, unless NO_COLOR is set to anything", () => {
  const shown = (terminal: boolean, environment: Record<string, string>): string =>
    emphasisFor({ terminal, environment })("red", "x");
  expect(shown(true, {})).toBe("\u001b[31mx\u001b[39m");
  expect(shown(true, { NO_COLOR: "" })).toBe("\u001b[31mx\u001b[39m");
  expect(shown(true, { NO_COLOR: "1" })).toBe("x");
  expect(shown(false, {})).toBe("x");
});
