import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSendEpochs } from "./send-epochs.ts";

const at = (sendEpoch: number, n: number, stream = "s") => ({ stream, sendEpoch, n });

describe("send epochs", () => {
  test("a number is taken only after the one before it", () => {
    const epochs = createSendEpochs(10);
    expect(epochs.take("c", at(1, 2))).toBe(false);
    expect(epochs.take("c", at(1, 1))).toBe(true);
    expect(epochs.take("c", at(1, 1))).toBe(false);
    expect(epochs.take("c", at(1, 3))).toBe(false);
    expect(epochs.take("c", at(1, 2))).toBe(true);
  });

  test("a newer send epoch begins at 1, and the older one is over", () => {
    const epochs = createSendEpochs(10);
    epochs.take("c", at(1, 1));
    expect(epochs.take("c", at(2, 2))).toBe(false);
    expect(epochs.take("c", at(2, 1))).toBe(true);
    expect(epochs.take("c", at(1, 2))).toBe(false);
    expect(epochs.take("c", at(1, 1))).toBe(false);
    expect(epochs.isWhole("c", at(1, 1))).toBe(false);
    expect(epochs.take("c", at(2, 2))).toBe(true);
  });

  test("after a failure nothing of its epoch follows, and an older failure does not harm a newer epoch", () => {
    const epochs = createSendEpochs(10);
    epochs.take("c", at(1, 1));
    epochs.take("c", at(1, 2));
    expect(epochs.isWhole("c", at(1, 2))).toBe(true);
    epochs.break("c", at(1, 1));
    expect(epochs.isWhole("c", at(1, 2))).toBe(false);
    expect(epochs.take("c", at(1, 3))).toBe(false);
    expect(epochs.take("c", at(2, 1))).toBe(true);
    epochs.break("c", at(1, 2));
    expect(epochs.take("c", at(2, 2))).toBe(true);
  });

  test("a first send that was refused does not let the second in", () => {
    const epochs = createSendEpochs(10);
    epochs.break("c", at(1, 1));
    expect(epochs.take("c", at(1, 1))).toBe(false);
    expect(epochs.take("c", at(1, 2))).toBe(false);
    expect(epochs.take("c", at(2, 1))).toBe(true);
  });

  test("streams and conversations are apart", () => {
    const epochs = createSendEpochs(10);
    expect(epochs.take("c", at(1, 1, "s"))).toBe(true);
    expect(epochs.take("c", at(1, 1, "t"))).toBe(true);
    expect(epochs.take("d", at(1, 1, "s"))).toBe(true);
    epochs.break("d", at(1, 1, "s"));
    expect(epochs.take("c", at(1, 2, "s"))).toBe(true);
  });

  test("a pair that was forgotten costs one epoch, never the order", () => {
    const epochs = createSendEpochs(1);
    epochs.take("c", at(1, 1, "s"));
    epochs.take("c", at(1, 1, "t"));
    expect(epochs.size).toBe(1);
    expect(epochs.take("c", at(1, 2, "s"))).toBe(false);
    expect(epochs.take("c", at(2, 1, "s"))).toBe(true);
  });

  test("whatever is offered, what is taken of an epoch is 1, 2, 3, …", () => {
    const offers = fc.array(
      fc.record({ sendEpoch: fc.integer({ min: 1, max: 4 }), n: fc.integer({ min: 1, max: 5 }) }),
    );
    fc.assert(
      fc.property(offers, (orders) => {
        const epochs = createSendEpochs(10);
        const taken = new Map<number, number[]>();
        let newest = 0;
        for (const { sendEpoch, n } of orders) {
          if (!epochs.take("c", at(sendEpoch, n))) continue;
          expect(sendEpoch).toBeGreaterThanOrEqual(newest);
          newest = sendEpoch;
          taken.set(sendEpoch, [...(taken.get(sendEpoch) ?? []), n]);
        }
        for (const numbers of taken.values()) expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      }),
    );
  });
});
