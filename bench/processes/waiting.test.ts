import { describe, expect, test } from "vitest";
import { waitUntil } from "./wait-until.ts";
import { whilePending } from "./while-pending.ts";

describe("waiting", () => {
  test("a condition is looked at until it holds", async () => {
    let looks = 0;
    await waitUntil("the third look", () => (looks += 1) === 3, 5_000);
    expect(looks).toBe(3);
  });

  test("one that never holds fails with its name", async () => {
    await expect(waitUntil("the end of days", () => false, 10)).rejects.toThrow(
      "10 ms in vain for the end of days",
    );
  });

  test("steps are taken until something has ended, and give what it came to", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    let steps = 0;
    const step = async (): Promise<void> => {
      steps += 1;
      if (steps === 3) resolve("done");
      await Promise.resolve();
    };
    expect(await whilePending(promise, step)).toBe("done");
    expect(steps).toBeGreaterThanOrEqual(3);
  });

  test("what fails meanwhile fails the whole, after the step", async () => {
    const failing = Promise.reject(new Error("it broke"));
    await expect(whilePending(failing, () => Promise.resolve())).rejects.toThrow("it broke");
  });
});
