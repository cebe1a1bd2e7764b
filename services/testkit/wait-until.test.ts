import { describe, expect, test } from "vitest";
import { waitUntil } from "./wait-until.ts";

describe("waitUntil", () => {
  test("resolves with the first answer that is not false, undefined or null", async () => {
    const answers = [false, undefined, null, 0];
    expect(await waitUntil("an answer", () => answers.shift())).toBe(0);
  });

  test("awaits probes that answer later", async () => {
    let probes = 0;
    const probe = async (): Promise<string | undefined> => ((probes += 1) > 30 ? "there" : undefined);
    expect(await waitUntil("the thirty-first probe", probe)).toBe("there");
  });

  test("the error after the time-out names what was awaited", async () => {
    await expect(waitUntil("a parcel", () => false, { timeoutMs: 30 })).rejects.toThrow(
      "30 ms in vain for: a parcel",
    );
  });

  test("what the probe throws ends the wait", async () => {
    const failed = waitUntil("anything", () => {
      throw new Error("planted");
    });
    await expect(failed).rejects.toThrow("planted");
  });
});
