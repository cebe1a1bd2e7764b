import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leaseMs } from "./coordinator.ts";
import type { CoordinatorFault } from "./fixtures/faulty-coordinator.ts";
import { idsOf, MemberStage, type MeshMember } from "./fixtures/mesh-member.ts";
import { conflictMsMin, startMsMax } from "./membership-limits.ts";

const away = { kind: "away" } as const;
const none = { kind: "none" } as const;
const replyLost = { kind: "reply lost" } as const;

/** Notes what becomes of a promise without waiting for it. */
function outcomeOf(pending: Promise<void>): { value: string } {
  const outcome = { value: "pending" };
  pending.then(
    () => (outcome.value = "resolved"),
    (thrown: unknown) => (outcome.value = String(thrown)),
  );
  return outcome;
}

function errorsOf(member: MeshMember): readonly string[] {
  return member.log.filter((line) => line.startsWith("error"));
}

describe("the start", () => {
  test("waits for a coordinator that comes late", async () => {
    await using stage = new MemberStage();
    const a = stage.member("a");
    a.coordinator.fault = away;
    const started = outcomeOf(a.membership.start());
    await stage.clock.advance(20_000);
    expect(started.value).toBe("pending");
    expect(a.coordinator.calls.length).toBeLessThan(60);
    a.coordinator.fault = none;
    await stage.clock.advance(2_600);
    expect(started.value).toBe("resolved");
    expect(a.membership.listed).toBe(true);
  });

  test.each([
    ["away", away, "the coordinator is away"],
    ["silent", { kind: "silent" }, "no answer within 3000 ms"],
  ] as const)(
    "rejects after 30 seconds with a coordinator that is %s, and leaves nothing",
    async (_, fault, why) => {
      await using stage = new MemberStage();
      const a = stage.member("a");
      a.coordinator.fault = fault;
      const started = outcomeOf(a.membership.start());
      await stage.clock.advance(startMsMax - 1);
      expect(started.value).toBe("pending");
      await stage.clock.advance(2_001);
      expect(started.value).toBe(
        `Error: node a could not be entered in the list of nodes within 30000 ms: ${why}`,
      );
      await stage.clock.advance(3_000);
      expect(stage.clock.pendingTimers).toBe(0);
    },
  );

  test("ends with the reason of its signal, before and during the wait", async () => {
    await using stage = new MemberStage();
    const [a, b] = [stage.member("a"), stage.member("b")];
    const startedA = outcomeOf(a.membership.start(AbortSignal.abort("too late")));
    b.coordinator.fault = away;
    const stopping = new AbortController();
    const startedB = outcomeOf(b.membership.start(stopping.signal));
    await stage.clock.advance(5_000);
    stopping.abort("enough");
    await stage.clock.advance(0);
    expect([startedA.value, startedB.value]).toEqual(["too late", "enough"]);
    expect(a.coordinator.calls).toEqual([]);
    expect(stage.clock.pendingTimers).toBe(0);
  });

  test("takes the place of a node of the same id that was killed, with its slot", async () => {
    await using stage = new MemberStage();
    await stage.started("a");
    const killed = await stage.started("b");
    killed.clock.freeze();
    const restarted = await stage.started("b");
    expect(restarted.membership.idSlot).toBe(1);
    expect(idsOf(restarted)).toEqual(["a", "b"]);
    expect(restarted.membership.self().incarnation).not.toBe(killed.membership.self().incarnation);
  });

  test("is refused by name when another process took the id meanwhile", async () => {
    await using stage = new MemberStage();
    const a = stage.member("a");
    a.coordinator.nextFaults.push(none, { kind: "late", delayMs: 1_000 });
    const started = outcomeOf(a.membership.start());
    await stage.clock.advance(500);
    const other = await stage.started("a");
    await stage.clock.advance(500);
    expect(started.value).toContain(
      'another live process uses the node id "a": give each process its own --node-id',
    );
    await stage.clock.advance(60_000);
    expect(other.membership.listed).toBe(true);
  });

  test("may be asked for only once", async () => {
    await using stage = new MemberStage();
    const a = await stage.started("a");
    await expect(a.membership.start()).rejects.toThrow("started before");
  });
});

describe("lost and late replies", () => {
  test("a registration whose reply is lost is repeated, and the node is entered once", async () => {
    await using stage = new MemberStage();
    const a = stage.member("a");
    a.coordinator.nextFaults.push(replyLost, replyLost);
    const started = outcomeOf(a.membership.start());
    await stage.clock.advance(3_000);
    expect(started.value).toBe("resolved");
    expect(a.membership.nodes()).toEqual([a.membership.self()]);
    expect([a.membership.conflict, errorsOf(a)]).toEqual([false, []]);
  });

  test("while the reply of its registration is on its way, a node is listed and knows that it may not serve yet", async () => {
    await using stage = new MemberStage();
    const [a, b] = [await stage.started("a"), stage.member("b")];
    b.coordinator.fault = replyLost;
    void b.membership.start();
    await stage.clock.advance(2_000);
    a.membership.refresh();
    await stage.clock.advance(1_000);
    expect(idsOf(a)).toEqual(["a", "b"]);
    expect(b.membership.registered).toBe(false);
    b.coordinator.fault = none;
    await stage.clock.advance(5_000);
    expect(b.membership.registered).toBe(true);
  });

  test("a renewal whose reply is lost is repeated", async () => {
    await using stage = new MemberStage();
    const a = await stage.started("a");
    const { incarnation } = a.membership.self();
    a.coordinator.fault = replyLost;
    await stage.clock.advance(60_000);
    a.coordinator.fault = none;
    await stage.clock.advance(5_000);
    expect(a.membership.self().incarnation).toBe(incarnation);
    expect(a.membership.listed).toBe(true);
  });

  test("a late registration of its own that replaces a newer one is not taken for another process", async () => {
    await using stage = new MemberStage();
    const a = stage.member("a");
    // The first call is given up after 3 s, repeated, and done at last after 9 s.
    a.coordinator.nextFaults.push({ kind: "late", delayMs: 9_000 });
    void a.membership.start();
    await stage.clock.advance(4_000);
    expect(a.membership.listed).toBe(true);
    // Meanwhile the node is dropped and comes back.
    a.coordinator.hiddenNodeId = "a";
    await stage.coordinator().register({ ...a.membership.self(), nodeId: "b" });
    await stage.clock.advanceUntil("dropped", () => !a.membership.listed, 1_000);
    a.coordinator.hiddenNodeId = undefined;
    await stage.clock.advanceUntil("back", () => a.membership.listed, 2_000);
    const { incarnation } = a.membership.self();
    await stage.clock.advanceUntil("replaced by its own call", () => !a.membership.listed, 5_000);
    await stage.clock.advanceUntil("back again", () => a.membership.listed, 3_000);
    expect(a.membership.self().incarnation).not.toBe(incarnation);
    expect(errorsOf(a)).toEqual([]);
  });
});

describe("two processes with one node id", () => {
  test("the one that was replaced stays out, says so, and comes back when the other has gone", async () => {
    await using stage = new MemberStage();
    const first = await stage.started("a");
    await stage.started("b");
    const second = await stage.started("a");
    const { incarnation } = second.membership.self();
    await stage.clock.advance(3_000);
    expect([first.membership.conflict, first.membership.listed]).toEqual([true, false]);
    expect(idsOf(first)).toEqual(["b"]);
    expect(errorsOf(first)).toEqual([
      'error another live process uses the node id "a": give each process its own --node-id. ' +
        "This one owns nothing while the other one is there ",
    ]);
    await stage.clock.advance(300_000);
    expect(second.membership.self().incarnation).toBe(incarnation);
    expect(second.membership.nodes()).toContainEqual(second.membership.self());
    expect(idsOf(first)).toEqual(["b"]);

    await second.membership.leave();
    await stage.clock.advance(conflictMsMin + 2_000);
    expect([first.membership.conflict, first.membership.listed]).toEqual([false, true]);
    expect(idsOf(first)).toEqual(["a", "b"]);
  });

  test("a node that finds its id free at once still waits half a minute before it comes back", async () => {
    await using stage = new MemberStage();
    const first = await stage.started("a");
    const second = await stage.started("a");
    await stage.clock.advance(2_600);
    expect(first.membership.conflict).toBe(true);
    await second.membership.leave();
    await stage.clock.advance(conflictMsMin - 3_000);
    expect(first.membership.conflict).toBe(true);
    await stage.clock.advance(5_000);
    expect(first.membership.listed).toBe(true);
  });

  test("a replaced node owns nothing although it cannot list by whom", async () => {
    await using stage = new MemberStage();
    const first = await stage.started("a");
    await stage.clock.advance(500);
    first.coordinator.hasHints = false;
    const second = await stage.started("a");
    first.coordinator.nextFaults.push(none, away);
    await stage.clock.advance(2_000);
    expect([first.membership.listed, first.membership.conflict]).toEqual([false, false]);
    await stage.clock.advance(3_000);
    expect([first.membership.conflict, second.membership.listed]).toEqual([true, true]);
  });
});

describe("a frozen process", () => {
  test("that thaws after its lease owns nothing from its first turn on, and comes back under a new incarnation", async () => {
    await using stage = new MemberStage();
    const a = await stage.started("a");
    const b = await stage.started("b");
    await stage.clock.advance(1_000);
    const { incarnation } = a.membership.self();
    a.clock.freeze();
    await stage.clock.advance(30_000);
    expect(idsOf(b)).toEqual(["b"]);
    // The coordinator is of no help yet: the process finds out by its own clock.
    a.coordinator.fault = away;
    a.clock.thaw();
    await stage.clock.settle();
    expect([a.membership.listed, idsOf(a)]).toEqual([false, ["b"]]);
    a.coordinator.fault = none;
    await stage.clock.advance(5_000);
    expect(idsOf(a)).toEqual(["a", "b"]);
    expect(idsOf(b)).toEqual(["a", "b"]);
    expect(a.membership.self().incarnation).not.toBe(incarnation);
  });

  test("that nobody has dropped meanwhile goes on as it was after one listing", async () => {
    await using stage = new MemberStage();
    const a = await stage.started("a");
    const keeper = stage.coordinator();
    const registration = await keeper.register(a.membership.self());
    const { incarnation } = a.membership.self();
    a.clock.freeze();
    for (let seconds = 0; seconds < 30; seconds += 2) {
      await stage.clock.advance(2_000);
      await registration.renew(a.membership.self());
    }
    a.clock.thaw();
    const changes = a.changes();
    await stage.clock.advance(1_000);
    expect([a.membership.listed, a.membership.self().incarnation]).toEqual([true, incarnation]);
    expect(a.log.filter((line) => line.startsWith("warn this process stood still"))).toHaveLength(1);
    expect(a.changes()).toBeGreaterThan(changes);
    await keeper.stop();
  });

  test("that was frozen with an answer under way believes nothing of it", async () => {
    await using stage = new MemberStage();
    const a = await stage.started("a");
    a.coordinator.fault = { kind: "silent" };
    await stage.clock.advance(3_000);
    expect(a.membership.listed).toBe(true);
    a.clock.freeze();
    await stage.clock.advance(30_000);
    a.clock.thaw();
    await stage.clock.settle();
    expect(a.membership.listed).toBe(false);
  });

  test("that thaws within its lease notices nothing", async () => {
    await using stage = new MemberStage();
    const a = await stage.started("a");
    const [{ incarnation }, changes] = [a.membership.self(), a.changes()];
    a.clock.freeze();
    await stage.clock.advance(leaseMs - 1_000);
    a.clock.thaw();
    await stage.clock.advance(60_000);
    expect([a.membership.self().incarnation, a.changes()]).toEqual([incarnation, changes]);
  });
});

const faults: fc.Arbitrary<CoordinatorFault> = fc.oneof(
  fc.constantFrom<CoordinatorFault>(none, none, away, replyLost, { kind: "silent" }),
  fc.integer({ min: 1, max: 20_000 }).map((delayMs) => ({ kind: "late", delayMs }) as const),
);

const events = fc.record({
  node: fc.integer({ min: 0, max: 2 }),
  fault: faults,
  isFrozen: fc.boolean(),
  durationMs: fc.integer({ min: 1, max: 15_000 }),
});

test("whatever the coordinator does, no node lists another one under its own id, and all come back when it is well", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(events, { maxLength: 12 }), async (course) => {
      await using stage = new MemberStage();
      const members = [await stage.started("n0"), await stage.started("n1"), await stage.started("n2")];
      for (const { membership } of members) {
        membership.onChange(() => {
          const { nodeId, incarnation } = membership.self();
          const own = membership.nodes().find((node) => node.nodeId === nodeId);
          if (own !== undefined && own.incarnation !== incarnation)
            throw new Error("somebody else under its id");
        });
      }
      for (const { node, fault, isFrozen, durationMs } of course) {
        const member = members[node];
        if (member === undefined) continue;
        member.coordinator.fault = fault;
        if (isFrozen) member.clock.freeze();
        await stage.clock.advance(durationMs);
        if (isFrozen) member.clock.thaw();
      }
      for (const { coordinator } of members) coordinator.fault = none;
      // A late call may be done 20 s from now, and cost another registration.
      await stage.clock.advance(90_000);
      const expected = members.map(({ membership }) => membership.self());
      for (const member of members) {
        expect(member.membership.nodes()).toEqual(expected);
        expect(member.membership.conflict).toBe(false);
        expect(errorsOf(member).filter((line) => !line.includes("a call to the coordinator failed"))).toEqual(
          [],
        );
      }
      expect(new Set(members.map(({ membership }) => membership.idSlot)).size).toBe(3);
      await stage.stop();
      await stage.clock.settle();
      expect(stage.clock.pendingTimers).toBe(0);
    }),
    { numRuns: 150 },
  );
});
