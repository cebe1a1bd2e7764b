import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LinkReceiver } from "./link-receiver.ts";
import { LinkSender, type SenderLimits } from "./link-sender.ts";

const limits: SenderLimits = { itemsUnacknowledgedMax: 8, bytesUnacknowledgedMax: 100, bodyBytesMax: 50 };

function sized(bytes: number): Uint8Array {
  return new Uint8Array(bytes);
}

/** A sender that has sent everything of an open stream. */
function sentSender(items: number): LinkSender {
  const sender = new LinkSender(limits, 1n);
  sender.welcomed(0);
  for (let n = 0; n < items; n += 1) sender.push(sized(1));
  sender.next(100, 1_000);
  return sender;
}

describe("a sender", () => {
  test("numbers items from 1, sends each once, and keeps them until they are acknowledged", () => {
    const sender = new LinkSender(limits, 1n);
    expect(sender.welcomed(0)).toBe("begun");
    for (const byte of [1, 2, 3]) sender.push(new Uint8Array([byte]));
    const batches = [sender.next(2, 1_000), sender.next(2, 1_000)];
    expect(batches.map(({ firstSeq }) => firstSeq)).toEqual([1, 3]);
    expect(batches.map(({ items }) => items.map(([byte]) => byte))).toEqual([[1, 2], [3]]);
    expect(batches.map(({ resent }) => resent)).toEqual([0, 0]);
    expect(sender.hasUnsent).toBe(false);
    sender.acknowledge(2);
    expect([sender.unacknowledged, sender.acked, sender.lastSeq]).toEqual([1, 2, 3]);
  });

  test("goes on behind what was received when a stream is opened again", () => {
    const sender = sentSender(5);
    sender.acknowledge(1);
    expect(sender.welcomed(3)).toBe("resumed");
    sender.push(sized(1));
    expect(sender.next(100, 1_000)).toMatchObject({ firstSeq: 4, resent: 2 });
    expect(sender.acked).toBe(3);
  });

  test("takes at most so many bytes into a batch, but one item at least", () => {
    const sender = new LinkSender(limits, 1n);
    sender.welcomed(0);
    for (const bytes of [40, 5, 5, 5]) sender.push(sized(bytes));
    expect(sender.next(10, 12).items.map((item) => item.length)).toEqual([40]);
    expect(sender.next(10, 12).items.map((item) => item.length)).toEqual([5, 5]);
  });

  test.each([
    ["items", Array.from({ length: 9 }, () => 1)],
    ["bytes", [50, 49, 2]],
    ["the bytes of one item", [51]],
  ])(
    "begins a new epoch when it has too many %s, and drops what comes before the welcome",
    (_what, sizes) => {
      const sender = new LinkSender(limits, 4n);
      const taken = sizes.map((bytes) => sender.push(sized(bytes)));
      expect(taken.at(-1)).toBe(false);
      expect(taken.slice(0, -1)).not.toContain(false);
      expect([sender.epoch, sender.unacknowledged]).toEqual([5n, 0]);
      expect(sender.push(sized(1))).toBe(true);
      expect(sender.hasUnsent).toBe(false);
      expect(sender.welcomed(0)).toBe("begun");
      sender.push(sized(1));
      expect(sender.next(10, 1_000)).toMatchObject({ firstSeq: 1, resent: 0 });
    },
  );

  test("has room again when items are acknowledged", () => {
    const sender = sentSender(8);
    sender.acknowledge(8);
    for (let n = 0; n < 8; n += 1) expect(sender.push(sized(12))).toBe(true);
    expect(sender.push(sized(1))).toBe(false);
  });

  test("begins a new epoch when the other side remembers something else", () => {
    const forgetful = sentSender(5);
    forgetful.acknowledge(3);
    expect(forgetful.welcomed(2)).toBe("forgotten");
    expect([forgetful.epoch, forgetful.unacknowledged]).toEqual([2n, 0]);
    expect(forgetful.welcomed(0)).toBe("begun");
    expect(sentSender(5).welcomed(6)).toBe("forgotten");
    expect(new LinkSender(limits, 1n).welcomed(1)).toBe("forgotten");
  });

  test("refuses an acknowledgement of what it did not send on this stream", () => {
    const sender = sentSender(5);
    expect(() => sender.acknowledge(6)).toThrow("item 6 was acknowledged, the last one sent is 5");
    sender.welcomed(2);
    expect(() => sender.acknowledge(3)).toThrow("the last one sent is 2");
  });
});

/** What a random history does. `forget`: the receiver loses its memory, as a process that was replaced. */
type Step =
  | { readonly kind: "push"; readonly count: number; readonly bytes: number }
  | { readonly kind: "transmit" | "deliver" | "acknowledge" | "break" | "open" | "forget" };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("push" as const), count: fc.nat(4), bytes: fc.nat(20) }),
  },
  {
    weight: 12,
    arbitrary: fc
      .constantFrom("transmit", "deliver", "acknowledge", "open")
      .map((kind) => ({ kind }) as const),
  },
  { weight: 2, arbitrary: fc.constantFrom("break", "forget").map((kind) => ({ kind }) as const) },
);

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`it does not hold that ${what}`);
}

/** A link between a sender and a receiver whose streams lose what is under way whenever they break. */
class ModelLink {
  readonly sender = new LinkSender(limits, 1n);
  /** What the receiver processed since its last reset. */
  received: number[] = [];
  /** What was pushed since the sender's last reset, as far as it was kept. */
  pushed: number[] = [];
  #receiver = new LinkReceiver();
  /** Items over all epochs. */
  processed = 0;
  #receiverEpoch = 0n;
  #open = false;
  #frames: { readonly firstSeq: number; readonly items: readonly Uint8Array[] }[] = [];
  #acks: number[] = [];
  #value = 0;

  /** Compares both sides, when they are in the same epoch. */
  compare(): void {
    const isAgreed = this.#receiverEpoch === this.sender.epoch;
    const isPrefix = this.received.every((value, index) => value === this.pushed[index]);
    check(!isAgreed || isPrefix, `${this.received.join()} begins ${this.pushed.join()}`);
  }

  run(step: Step): void {
    switch (step.kind) {
      case "push":
        for (let n = 0; n < step.count; n += 1) this.#push(step.bytes);
        return;
      case "transmit":
        if (this.#open && this.sender.hasUnsent) this.#frames.push(this.sender.next(3, 40));
        return;
      case "deliver":
        this.#deliver();
        return;
      case "acknowledge": {
        const ack = this.#acks.shift();
        if (ack !== undefined) this.sender.acknowledge(ack);
        return;
      }
      case "break":
        this.#break();
        return;
      case "open":
        this.#reopen();
        return;
      case "forget":
        this.#break();
        this.#receiver = new LinkReceiver();
    }
  }

  #push(bytes: number): void {
    this.#value += 1;
    const item = new Uint8Array(4 + bytes);
    new DataView(item.buffer).setUint32(0, this.#value);
    const before = this.sender.epoch;
    const isTaken = this.sender.push(item);
    check(isTaken === (this.sender.epoch === before), "an item is refused just when it ends an epoch");
    check(this.sender.unacknowledged <= limits.itemsUnacknowledgedMax, "what is kept is bounded");
    if (!isTaken) {
      this.#break();
      this.pushed = [];
    } else if (this.sender.lastSeq > this.pushed.length) this.pushed.push(this.#value);
  }

  #deliver(): void {
    const frame = this.#frames.shift();
    frame?.items.forEach((item, index) => {
      const verdict = this.#receiver.take(frame.firstSeq + index);
      check(verdict !== "gap", "there are no gaps");
      if (verdict !== "process") return;
      this.received.push(new DataView(item.buffer).getUint32(0));
      this.processed += 1;
    });
    if (frame !== undefined) this.#acks.push(this.#receiver.received);
  }

  #break(): void {
    this.#open = false;
    this.#frames = [];
    this.#acks = [];
  }

  #reopen(): void {
    if (this.#open) return;
    const verdict = this.#receiver.hello("i-1", this.sender.epoch);
    check(verdict !== "outdated", "epochs only grow");
    if (verdict === "reset") this.received = [];
    this.#receiverEpoch = this.sender.epoch;
    const course = this.sender.welcomed(this.#receiver.received);
    if (course === "forgotten") this.pushed = [];
    this.#open = course !== "forgotten";
  }
}

test("whatever happens, a receiver sees the items of an epoch in order and each once, from the first one on", () => {
  const seen = { items: 0, epochs: 0n };
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 40, maxLength: 120 }), (steps) => {
      const link = new ModelLink();
      for (const each of steps) {
        link.run(each);
        link.compare();
      }
      // When nothing fails any more, everything that was kept arrives; at the second try if the receiver had forgotten.
      for (const kind of ["break", "open", "open"] as const) link.run({ kind });
      for (let round = 0; round < 40; round += 1) {
        for (const kind of ["transmit", "deliver", "acknowledge"] as const) link.run({ kind });
      }
      expect(link.received).toEqual(link.pushed);
      expect(link.sender.unacknowledged).toBe(0);
      seen.items += link.processed;
      seen.epochs += link.sender.epoch;
    }),
    { numRuns: 1_000 },
  );
  expect(seen.items).toBeGreaterThan(3_000);
  expect(seen.epochs).toBeGreaterThan(1_500n);
});

describe("a receiver", () => {
  test("drops what it has, and sees a gap", () => {
    const receiver = new LinkReceiver();
    receiver.hello("i-1", 1n);
    expect([1, 2, 2, 1, 4, 3].map((seq) => receiver.take(seq))).toEqual([
      "process",
      "process",
      "drop",
      "drop",
      "gap",
      "process",
    ]);
    expect(receiver.received).toBe(3);
  });

  test("begins anew for a higher epoch and for another incarnation, and goes on within an epoch", () => {
    const receiver = new LinkReceiver();
    expect(receiver.hello("i-1", 2n)).toBe("reset");
    receiver.take(1);
    expect(receiver.hello("i-1", 2n)).toBe("resumed");
    expect(receiver.received).toBe(1);
    expect(receiver.hello("i-1", 1n)).toBe("outdated");
    expect(receiver.received).toBe(1);
    expect(receiver.hello("i-1", 3n)).toBe("reset");
    expect(receiver.received).toBe(0);
    receiver.take(1);
    expect(receiver.hello("i-2", 1n)).toBe("reset");
    expect(receiver.received).toBe(0);
  });
});
