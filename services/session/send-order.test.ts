import assert from "node:assert/strict";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRng } from "../testkit/seeded-rng.ts";
import { type Copy, type CopyOutcome, type OrderedSend, SendOrder, type SendStep } from "./send-order.ts";

const make = (id: string, expireMs = 8_000, conversationId = "c"): OrderedSend => ({
  conversationId,
  clientMessageId: id,
  retry: false,
  expireMs,
});
const say = (steps: SendStep<OrderedSend>[] | undefined): string[] =>
  (steps ?? []).map((step) => {
    if (step.kind === "answer") return `${step.send.clientMessageId} ${step.with}`;
    if (step.kind === "giveAgain") return `again ${step.attempt}`;
    const { send, sendEpoch, n, retry } = step.copy;
    return `give ${send.clientMessageId} ${sendEpoch}.${n}${retry ? " retry" : ""}`;
  });
const copies = (steps: SendStep<OrderedSend>[] | undefined): Copy<OrderedSend>[] =>
  (steps ?? []).flatMap((step) => (step.kind === "give" ? [step.copy] : []));

/** An order with sends under way, and their copies in order. */
function underway(...ids: string[]): { order: SendOrder<OrderedSend>; given: Copy<OrderedSend>[] } {
  const order = new SendOrder<OrderedSend>(4);
  return { order, given: ids.flatMap((id) => copies(order.take(make(id)))) };
}
const settle = (order: SendOrder<OrderedSend>, copy: Copy<OrderedSend> | undefined, outcome: CopyOutcome) => {
  if (copy === undefined) throw new Error("the copy was not given out");
  return order.settle(copy, outcome);
};

describe("SendOrder", () => {
  test("numbers the sends of a conversation from 1 and forgets it when all are answered", () => {
    const { order, given } = underway("a", "b");
    expect(given.map(({ sendEpoch, n }) => [sendEpoch, n])).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(say(settle(order, given[1], "committed"))).toEqual(["b outcome"]);
    expect(say(settle(order, given[0], "rejected"))).toEqual(["a outcome"]);
    expect([order.unanswered, order.lanes]).toEqual([0, 0]);
    expect(say(order.take(make("c")))).toEqual(["give c 2.1"]);
  });

  test("gives everything unanswered out again, oldest first, in a new send epoch when the owner moved", () => {
    const { order, given } = underway("a", "b", "c");
    expect(say(settle(order, given[1], "moved"))).toEqual(["again 1"]);
    expect(say(settle(order, given[2], "moved"))).toEqual([]);
    expect(say(order.take(make("d")))).toEqual([]);
    expect(say(settle(order, given[0], "committed"))).toEqual(["a outcome"]);
    const again = order.giveAgain("c");
    expect(say(again)).toEqual(["give b 2.1 retry", "give c 2.2 retry", "give d 2.3"]);
    // What an old copy was rejected for says nothing about the new one; that it was committed does.
    expect(say(settle(order, given[1], "rejected"))).toEqual([]);
    expect(say(settle(order, given[1], "committed"))).toEqual(["b outcome"]);
    expect(say(settle(order, copies(again)[0], "committed"))).toEqual([]);
    expect(say(settle(order, copies(again)[1], "moved"))).toEqual(["again 1"]);
    expect(say(settle(order, copies(order.giveAgain("c"))[0], "moved"))).toEqual(["again 2"]);
  });

  test("holds later sends back behind one that was refused, until it comes again", () => {
    const { order, given } = underway("a", "b");
    expect(say(settle(order, given[0], "refused"))).toEqual(["a outcome", "b unsettled"]);
    expect(say(settle(order, given[1], "moved"))).toEqual([]);
    expect(say(order.take(make("c")))).toEqual(["c unsettled"]);
    expect(say(order.take(make("a")))).toEqual(["give a 2.1 retry"]);
    expect(say(order.take(make("c")))).toEqual(["c unsettled"]);
    expect(say(order.take(make("b")))).toEqual(["give b 2.2 retry"]);
    expect(say(order.take(make("c")))).toEqual(["give c 2.3"]);
  });

  test("answers everything after one that ended unknown as unknown, and wants them again in order", () => {
    const { order, given } = underway("a", "b", "c");
    expect(say(settle(order, given[1], "unknown"))).toEqual(["b outcome", "c unknown"]);
    expect(say(order.take(make("c")))).toEqual(["c unsettled"]);
    expect(say(order.take(make("b")))).toEqual(["give a 2.1 retry", "give b 2.2 retry"]);
    expect(say(order.take(make("d")))).toEqual(["d unsettled"]);
    expect(say(order.take(make("c")))).toEqual(["give c 2.3 retry"]);
    expect(say(order.take(make("d")))).toEqual(["give d 2.4"]);
    expect(say(settle(order, given[2], "unknown"))).toEqual([]);
  });

  test("answers what runs out of time, and what came after it", () => {
    const { order } = underway("a", "b");
    expect(order.expireMs).toBe(8_000);
    expect(say(order.expire(7_999))).toEqual([]);
    expect(say(order.expire(8_000))).toEqual(["a unknown", "b unknown"]);
    expect([order.expireMs, order.unanswered, order.lanes]).toEqual([undefined, 0, 1]);
  });

  test("touches no more conversations than it may", () => {
    const order = new SendOrder<OrderedSend>(2);
    for (const conversation of ["c1", "c2"]) order.take(make("a", 1, conversation));
    expect(order.take(make("a", 1, "c3"))).toBeUndefined();
    expect(order.take(make("b", 1, "c2"))).toBeDefined();
  });

  test("marks an id that is under way already as sent before", () => {
    const { order } = underway("a");
    expect(say(order.take(make("a")))).toEqual(["give a 1.2 retry"]);
  });

  test("whatever an owner does, each frame has one answer and the log keeps the order of first frames", () => {
    fc.assert(fc.property(fc.integer(), runWithOwner), { numRuns: 400 });
  });
});

/** A device that sends 30 messages and settles each, an owner that may do everything but break its own rule. */
function runWithOwner(seed: number): void {
  const rng = seededRng(seed);
  const order = new SendOrder<OrderedSend>(4);
  const owner = new Owner(() => rng.integerBelow(10));
  const answers = new Map<OrderedSend, string>();
  const done = new Set<string>();
  const wire: { copy: Copy<OrderedSend>; outcome?: CopyOutcome }[] = [];
  const wanted = Array.from({ length: 30 }, (_, index) => `m${index}`);
  let paused = false;
  let frames = 0;
  let nowMs = 0;

  const follow = (steps: SendStep<OrderedSend>[] | undefined, outcome?: CopyOutcome): void => {
    for (const step of steps ?? []) {
      if (step.kind === "give") wire.push({ copy: step.copy });
      else if (step.kind === "giveAgain") paused = true;
      else {
        assert.ok(!answers.has(step.send));
        answers.set(step.send, step.with);
        if (step.with === "outcome" && outcome === "committed") done.add(step.send.clientMessageId);
      }
    }
  };
  const sendNext = (): void => {
    // The device keeps to its order: it sends again from the oldest that was answered without being committed.
    const open = (id: string): boolean =>
      [...sent].some((send) => send.clientMessageId === id && !answers.has(send));
    const next = wanted.find((id) => !done.has(id) && !open(id));
    if (next === undefined) return;
    const send = make(next, nowMs + 8_000);
    sent.add(send);
    frames += 1;
    follow(order.take(send));
  };
  const sent = new Set<OrderedSend>();
  for (let turn = 0; turn < 20_000 && done.size < wanted.length; turn += 1) {
    nowMs += rng.integerBelow(200);
    const choice = rng.integerBelow(4);
    if (choice === 0 && order.unanswered < 8) sendNext();
    else if (choice === 1 && paused) {
      paused = false;
      follow(order.giveAgain("c"));
    } else if (choice === 2) {
      const next = wire.find((item) => item.outcome === undefined);
      if (next !== undefined) next.outcome = owner.append(next.copy);
    } else {
      const answered = wire.filter((item) => item.outcome !== undefined);
      const item = answered.length === 0 ? undefined : rng.pick(answered);
      if (item?.outcome !== undefined) {
        wire.splice(wire.indexOf(item), 1);
        follow(order.settle(item.copy, item.outcome), item.outcome);
      }
    }
    follow(order.expire(nowMs));
  }
  expect(done.size).toBe(wanted.length);
  expect(owner.log).toEqual(wanted);
  expect(sent.size).toBe(frames);
  expect(order.unanswered).toBe([...sent].filter((send) => !answers.has(send)).length);
}

/** Takes n only after n - 1 of the newest send epoch; may refuse, move away, or lose its answer after the commit. */
class Owner {
  readonly log: string[] = [];
  readonly #fate: () => number;
  #epoch = 0;
  #n = 0;

  constructor(fate: () => number) {
    this.#fate = fate;
  }

  append({ send, sendEpoch, n }: Copy<OrderedSend>): CopyOutcome {
    if (this.log.includes(send.clientMessageId)) {
      if (sendEpoch > this.#epoch && n === 1) [this.#epoch, this.#n] = [sendEpoch, 1];
      else if (sendEpoch === this.#epoch && n === this.#n + 1) this.#n = n;
      return "committed";
    }
    const follows = sendEpoch === this.#epoch ? n === this.#n + 1 : sendEpoch > this.#epoch && n === 1;
    if (!follows) return "moved";
    const fate = this.#fate();
    if (fate === 0) return "moved";
    if (fate === 1) return "refused";
    [this.#epoch, this.#n] = [sendEpoch, n];
    this.log.push(send.clientMessageId);
    return fate === 2 ? "unknown" : "committed";
  }
}
