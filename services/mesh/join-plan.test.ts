import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JoinPlan, leaveDelayMs } from "./join-plan.ts";
import { topicsPerBulkMax } from "./node-joins.ts";

/** Everything that the plan wants said to a node now, one text an item. */
function said(plan: JoinPlan, nodeId: string): string[] {
  const items: string[] = [];
  for (let bulk = plan.next(nodeId); bulk !== undefined; bulk = plan.next(nodeId)) {
    items.push(`${bulk.kind} ${bulk.topics.join(" ")}`);
  }
  return items;
}

describe("a join plan", () => {
  test("joins a topic once at each node where it is wanted", () => {
    const plan = new JoinPlan();
    plan.want("conv/a", ["n1", "n2"], 0);
    plan.want("conv/a", ["n1", "n2"], 0);
    expect([said(plan, "n1"), said(plan, "n2"), said(plan, "n3")]).toEqual([
      ["join conv/a"],
      ["join conv/a"],
      [],
    ]);
    plan.want("conv/a", ["n1", "n2"], 0);
    expect(said(plan, "n1")).toEqual([]);
    expect(plan.joinCount).toBe(2);
  });

  test("leaves a topic a while after it is wanted no more", () => {
    const plan = new JoinPlan();
    plan.want("conv/a", ["n1"], 0);
    said(plan, "n1");
    plan.unwant("conv/a", 100);
    expect(plan.nextDueMs).toBe(100 + leaveDelayMs);
    plan.expire(99 + leaveDelayMs);
    expect(said(plan, "n1")).toEqual([]);
    plan.expire(100 + leaveDelayMs);
    expect(said(plan, "n1")).toEqual(["leave conv/a"]);
    expect([plan.nextDueMs, plan.joinCount, [...plan.topics()]]).toEqual([undefined, 0, []]);
  });

  test("says nothing about a topic that is wanted again in time, and counts the while anew afterwards", () => {
    const plan = new JoinPlan();
    plan.want("conv/a", ["n1"], 0);
    said(plan, "n1");
    plan.unwant("conv/a", 0);
    plan.want("conv/a", ["n1"], 1_000);
    plan.unwant("conv/a", 2_000);
    plan.expire(leaveDelayMs);
    expect(said(plan, "n1")).toEqual([]);
    plan.expire(2_000 + leaveDelayMs);
    expect(said(plan, "n1")).toEqual(["leave conv/a"]);
  });

  test("joins again a topic that it was about to leave", () => {
    const plan = new JoinPlan();
    plan.want("conv/a", ["n1"], 0);
    said(plan, "n1");
    plan.unwant("conv/a", 0);
    plan.expire(leaveDelayMs);
    plan.want("conv/a", ["n1"], leaveDelayMs);
    expect(said(plan, "n1")).toEqual(["join conv/a"]);
    expect([...plan.topicsAt("n1")]).toEqual(["conv/a"]);
  });

  test("joins at the new owner at once and leaves the old one later", () => {
    const plan = new JoinPlan();
    plan.want("conv/a", ["n1"], 0);
    said(plan, "n1");
    plan.want("conv/a", ["n2"], 50);
    expect([said(plan, "n1"), said(plan, "n2")]).toEqual([[], ["join conv/a"]]);
    plan.expire(50 + leaveDelayMs);
    expect([said(plan, "n1"), said(plan, "n2")]).toEqual([["leave conv/a"], []]);
  });

  test("stays joined at an owner that comes back before it was left", () => {
    const plan = new JoinPlan();
    plan.want("conv/a", ["n1"], 0);
    plan.want("conv/a", ["n1", "n2"], 10);
    plan.want("conv/a", ["n1"], 20);
    plan.want("conv/a", ["n2"], 30);
    said(plan, "n1");
    said(plan, "n2");
    plan.expire(30 + leaveDelayMs);
    expect([said(plan, "n1"), said(plan, "n2")]).toEqual([["leave conv/a"], []]);
  });

  test("joins again at a node that was reset, and leaves at once what was about to be left there", () => {
    const plan = new JoinPlan();
    for (const topic of ["conv/a", "conv/b", "conv/c"]) plan.want(topic, ["n1"], 0);
    said(plan, "n1");
    plan.unwant("conv/b", 0);
    plan.reset("n1");
    // What was said before the reset may come after it.
    expect(said(plan, "n1")).toEqual(["join conv/a conv/c", "leave conv/b"]);
    expect(plan.nextDueMs).toBeUndefined();
  });

  test("joins a topic that is wanted again after a reset, although it was joined before", () => {
    const plan = new JoinPlan();
    plan.want("conv/a", ["n1"], 0);
    said(plan, "n1");
    plan.unwant("conv/a", 0);
    plan.reset("n1");
    plan.want("conv/a", ["n1"], 0);
    expect(said(plan, "n1")).toEqual(["join conv/a"]);
  });

  test("joins again what it wants at a node that was forgotten and is back", () => {
    const plan = new JoinPlan();
    plan.want("conv/a", ["n1"], 0);
    said(plan, "n1");
    plan.forget("n1");
    expect([said(plan, "n1"), plan.joinCount]).toEqual([[], 0]);
    plan.want("conv/a", ["n1"], 0);
    expect(said(plan, "n1")).toEqual(["join conv/a"]);
  });

  test("speaks of at most a thousand topics at a time", () => {
    const plan = new JoinPlan();
    for (let index = 0; index < 2 * topicsPerBulkMax + 1; index += 1) plan.want(`conv/${index}`, ["n1"], 0);
    expect(plan.toJoin("n1")).toBe(2 * topicsPerBulkMax + 1);
    const sizes = said(plan, "n1").map((item) => item.split(" ").length - 1);
    expect(sizes).toEqual([topicsPerBulkMax, topicsPerBulkMax, 1]);
  });

  test("ends with each node knowing exactly what is wanted there, whatever happened before", () => {
    const topic = fc.constantFrom("conv/a", "conv/b", "conv/c");
    const nodeId = fc.constantFrom("n1", "n2");
    const action = fc.oneof(
      fc.record({ kind: fc.constant("want" as const), topic, nodeIds: fc.uniqueArray(nodeId) }),
      fc.record({ kind: fc.constant("unwant" as const), topic }),
      fc.record({ kind: fc.constantFrom("reset" as const, "say" as const), nodeId, keeps: fc.boolean() }),
      fc.record({
        kind: fc.constant("wait" as const),
        ms: fc.constantFrom(1, leaveDelayMs / 2, leaveDelayMs),
      }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const plan = new JoinPlan();
        const known = new Map([
          ["n1", new Set<string>()],
          ["n2", new Set<string>()],
        ]);
        const wanted = new Map<string, readonly string[]>();
        let nowMs = 0;
        const say = (to: string): void => {
          for (let bulk = plan.next(to); bulk !== undefined; bulk = plan.next(to)) {
            for (const each of bulk.topics) known.get(to)?.[bulk.kind === "join" ? "add" : "delete"](each);
          }
        };
        const wait = (ms: number): void => {
          nowMs += ms;
          plan.expire(nowMs);
        };
        for (const step of actions) {
          if (step.kind === "want") {
            plan.want(step.topic, step.nodeIds, nowMs);
            wanted.set(step.topic, step.nodeIds);
          } else if (step.kind === "unwant") {
            plan.unwant(step.topic, nowMs);
            wanted.delete(step.topic);
          } else if (step.kind === "reset") {
            plan.reset(step.nodeId);
            // What was said at the very beginning arrives, although the link begins with a reset.
            if (!step.keeps) known.get(step.nodeId)?.clear();
          } else if (step.kind === "wait") wait(step.ms);
          else say(step.nodeId);
        }
        wait(leaveDelayMs);
        for (const [id, topics] of known) {
          say(id);
          const expected = [...wanted].filter(([, nodeIds]) => nodeIds.includes(id)).map(([each]) => each);
          expect([...topics].sort()).toEqual(expected.sort());
          expect([...plan.topicsAt(id)].sort()).toEqual(expected.sort());
        }
        expect(plan.nextDueMs).toBeUndefined();
      }),
    );
  });
});
