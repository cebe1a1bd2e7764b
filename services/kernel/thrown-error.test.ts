import { expect, test } from "vitest";
import { thrownError } from "./thrown-error.ts";

test("an error stays itself, and anything else becomes one that says what it was", () => {
  const error = new TypeError("wrong");
  expect(thrownError(error)).toBe(error);
  expect(thrownError("text").message).toBe("text");
  expect(thrownError(undefined).message).toBe("undefined");
});
