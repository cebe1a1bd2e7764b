import assert from "node:assert/strict";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DeliveryWindow, retransmitDelaysMs, unsettledFactorMax } from "./delivery-window.ts";
import type { UnsettledEvent } from "./feed.ts";

const entry = (seq: number, conversationId = "c"): UnsettledEvent => ({
  kind: "entry",
  conversationId,
  seq: BigInt(seq),
});
const small = { eventsMax: 3, bytesMax: 1_000 };

describe("DeliveryWindow", () => {
  test("numbers transmissions densely from 1 and refuses an ack of one that was never sent", () => {
    const window = new DeliveryWindow(small);
    expect([window.deliver(entry(1), 10, 0), window.deliver(entry(2), 10, 0)]).toEqual([1n, 2n]);
    expect(window.acknowledge(3n, 0)).toBe("neverSent");
    expect(window.acknowledge(0n, 0)).toBe("nothing");
    expect(window.acknowledge(2n, 0)).toBe("progress");
    expect(window.acknowledge(1n, 0)).toBe("nothing");
    expect(window.unsettled).toBe(0);
  });

  test("has room for its count and its bytes, and always for one event", () => {
    const window = new DeliveryWindow(small);
    expect(window.fits(entry(1), 1_000_000)).toBe(true);
    window.deliver(entry(1), 600, 0);
    expect([window.fits(entry(2), 400), window.fits(entry(2), 401)]).toEqual([true, false]);
    window.deliver(entry(2), 1, 0);
    window.deliver(entry(3), 1, 0);
    expect(window.fits(entry(4), 1)).toBe(false);
    window.acknowledge(1n, 0);
    expect(window.fits(entry(4), 998)).toBe(true);
  });

  test("an entry is settled by any id that it was sent under", () => {
    const window = new DeliveryWindow(small);
    for (const seq of [1, 2, 3]) window.deliver(entry(seq), 1, 0);
    expect(window.rewind().map(({ seq }) => seq)).toEqual([1n, 2n, 3n]);
    for (const seq of [1, 2]) window.deliver(entry(seq), 1, 0);
    // The ack of an old id arrives late: it settles 1 and 2, and frees the room of their second transmission.
    expect(window.acknowledge(2n, 0)).toBe("progress");
    expect(window.rewind().map(({ seq }) => seq)).toEqual([3n]);
    window.deliver(entry(3), 1, 0);
    expect(window.acknowledge(6n, 0)).toBe("progress");
    expect(window.unsettled).toBe(0);
  });

  test("an id that was taken back settles nothing, and those after it only what they were sent for", () => {
    const window = new DeliveryWindow(small);
    for (const seq of [1, 2, 3]) window.deliver(entry(seq), 1, 0);
    expect(window.takeBack().map(({ seq }) => seq)).toEqual([1n, 2n, 3n]);
    for (const seq of [1, 2]) window.deliver(entry(seq), 1, 0);
    expect(window.acknowledge(3n, 0)).toBe("nothing");
    window.deliver(entry(3), 1, 0);
    expect(window.acknowledge(5n, 0)).toBe("progress");
    expect(window.rewind().map(({ seq }) => seq)).toEqual([3n]);
  });

  test("new events may come before the rewound ones, but not without bound", () => {
    const window = new DeliveryWindow({ eventsMax: 1, bytesMax: 1_000 });
    for (let round = 1; round <= unsettledFactorMax; round += 1) {
      window.deliver(entry(round), 1, 0);
      window.rewind();
    }
    window.deliver(entry(1), 1, 0);
    expect(window.unsettled).toBe(unsettledFactorMax);
  });

  test("the wait runs from the last progress, doubles by round, and ends after five", () => {
    const window = new DeliveryWindow(small);
    expect(window.dueMs).toBeUndefined();
    window.deliver(entry(1), 1, 500);
    let nowMs = 500;
    for (const delayMs of retransmitDelaysMs.slice(0, -1)) {
      expect(window.dueMs).toBe(nowMs + delayMs);
      nowMs += delayMs;
      expect(window.endRound(nowMs)).toBe("again");
      window.rewind();
      window.deliver(entry(1), 1, nowMs);
    }
    expect(window.dueMs).toBe(nowMs + 160_000);
    expect(window.endRound(nowMs + 160_000)).toBe("exhausted");
  });

  test("progress starts the rounds again, and an ack of this round the delay too", () => {
    const window = new DeliveryWindow(small);
    for (const seq of [1, 2, 3]) window.deliver(entry(seq), 1, 0);
    window.endRound(10_000);
    window.rewind();
    for (const seq of [1, 2, 3]) window.deliver(entry(seq), 1, 10_000);
    window.acknowledge(1n, 12_000);
    expect(window.dueMs).toBe(12_000 + 20_000);
    window.acknowledge(5n, 13_000);
    window.deliver(entry(4), 1, 13_000);
    expect(window.dueMs).toBe(13_000 + 10_000);
    window.postpone(15_000);
    expect(window.dueMs).toBe(15_000 + 10_000);
  });

  test("whatever happens, it agrees with a list of transmissions", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const window = new DeliveryWindow({ eventsMax: 8, bytesMax: 100 });
        const model = new Model();
        for (const { kind, value } of steps) {
          if (kind === "deliver") model.deliver(window, entry(value % 12), 1 + (value % 60));
          else if (kind === "ack") model.acknowledge(window, BigInt(value));
          else model.rewind(window);
          expect(window.unsettled).toBe(model.unsettled.length);
          expect(window.lastId).toBe(BigInt(model.transmissions.length));
        }
      }),
      { numRuns: 300 },
    );
  });
});

const step = fc.record({
  kind: fc.constantFrom("deliver" as const, "deliver" as const, "ack" as const, "rewind" as const),
  value: fc.nat(60),
});

/** Keeps every transmission ever made, which is what the window must not do. */
class Model {
  transmissions: bigint[] = [];
  unsettled: { readonly seq: bigint; ids: bigint[]; bytes: number; underway: boolean }[] = [];

  deliver(window: DeliveryWindow, event: UnsettledEvent, bytes: number): void {
    const underway = this.unsettled.filter((one) => one.underway);
    const total = underway.reduce((sum, one) => sum + one.bytes, 0);
    const known = this.unsettled.find((one) => one.seq === event.seq);
    const room = underway.length === 0 || (underway.length < 8 && total + bytes <= 100);
    assert.equal(window.fits(event, bytes), room);
    if (!room || known?.underway === true) return;
    const id = window.deliver(event, bytes, 0);
    this.transmissions.push(event.seq);
    if (known === undefined) this.unsettled.push({ seq: event.seq, ids: [id], bytes, underway: true });
    else {
      known.ids.push(id);
      known.underway = true;
    }
  }

  acknowledge(window: DeliveryWindow, id: bigint): void {
    const outcome = window.acknowledge(id, 0);
    if (id > BigInt(this.transmissions.length)) {
      assert.equal(outcome, "neverSent");
      return;
    }
    this.unsettled = this.unsettled.filter((one) => !one.ids.some((sent) => sent <= id));
  }

  rewind(window: DeliveryWindow): void {
    for (const one of this.unsettled) one.underway = false;
    assert.deepEqual(
      window.rewind().map(({ seq }) => seq),
      this.unsettled.map(({ seq }) => seq),
    );
  }
}
