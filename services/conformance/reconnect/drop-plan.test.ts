import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { EntrySchema } from "../../../gen/parley/message/v1/entry_pb.ts";
import {
  EventSchema,
  type ServerFrame,
  ServerFrameSchema,
} from "../../../gen/parley/session/v1/session_pb.ts";
import { seededRng } from "../../testkit/seeded-rng.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { DropPlan } from "./drop-plan.ts";

function frameOf(...seqs: number[]): ServerFrame {
  const events = seqs.map((seq) => {
    const value = create(EntrySchema, { conversationId: "d-1-2", seq: BigInt(seq) });
    return create(EventSchema, { kind: { case: "entry", value } });
  });
  return create(ServerFrameSchema, { events });
}

/** Plays a device that takes one entry a frame, opens again after each crash, and has all entries in the end. */
async function play(plan: DropPlan, entries: number, comesAgain: boolean): Promise<void> {
  for (let seq = 1; seq <= entries; ) {
    const frame = frameOf(seq);
    const [event] = frame.events;
    if (event?.kind.case !== "entry") throw new Error("an entry was made");
    const points = [
      { at: "received", frame },
      { at: "storing", entry: event.kind.value },
      { at: "stored" },
      { at: "acknowledged" },
    ] as const;
    const died = points.find((point) => plan.crashAt(point) !== undefined);
    const stored = died === undefined || died.at === "stored" || died.at === "acknowledged";
    if (stored || !comesAgain) seq += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a plan makes as many drops as were asked for, of every kind that the way has", async () => {
  const plan = new DropPlan({ way: "poll", drops: 60, entries: 400, rng: seededRng(1), cut: () => true });
  await play(plan, 400, true);
  await waitUntil("the plan is carried out", async () => {
    await play(plan, 400, true);
    return plan.left === 0;
  });
  const drops = [...plan.happened.values()].reduce((sum, count) => sum + count, 0);
  expect(drops).toBe(60);
  expect([...plan.happened.keys()].toSorted()).toEqual([
    "acknowledged",
    "cut",
    "lose",
    "received",
    "stored",
    "storing",
  ]);
  expect(plan.finding().violationCount).toBe(0);
  expect(plan.finding().examined).toBeGreaterThan(0);
});

test("a plan notices that what was thrown away never came again", async () => {
  const plan = new DropPlan({ way: "attach", drops: 20, entries: 100, rng: seededRng(2), cut: () => true });
  await play(plan, 100, false);
  expect(plan.finding().violationCount).toBeGreaterThan(0);
});

test("a cut that finds no open stream stays planned", async () => {
  let open = false;
  const plan = new DropPlan({ way: "attach", drops: 10, entries: 100, rng: seededRng(3), cut: () => open });
  await waitUntil("only cuts are next", async () => {
    await play(plan, 100, true);
    return plan.left > 0 && plan.happened.get("cut") === undefined;
  });
  const before = plan.left;
  await play(plan, 100, true);
  expect(plan.left).toBe(before);
  open = true;
  await waitUntil("the cuts happen", async () => {
    await play(plan, 100, true);
    return plan.left === 0;
  });
});
