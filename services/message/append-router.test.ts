import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import type { AppendCommand, AppendResult, Committed } from "./append-command.ts";
import { overloaded } from "./append-results.ts";
import { appendOrThrow, commandExpireMs, commandMsMax } from "./append-router.ts";

const committed: Committed = {
  conversationId: "g-1",
  epoch: 1n,
  seq: 7n,
  messageOrdinal: 3n,
  entryId: "0000000000001",
  createTimeMs: 0,
};

function commandUntil(expireMs: number): AppendCommand {
  return {
    conversationId: "g-1",
    senderId: "alice",
    senderDeviceId: "phone",
    clientMessageId: "id",
    body: { kind: "leaveGroup" },
    retry: false,
    expireMs,
    order: undefined,
  };
}

/** A router that gives these answers, the last one for ever, and keeps what it was given. */
function routerOf(...answers: readonly AppendResult[]) {
  const given: AppendCommand[] = [];
  const append = async (command: AppendCommand): Promise<AppendResult> => {
    given.push(command);
    return answers[given.length - 1] ?? answers.at(-1) ?? { kind: "moved" };
  };
  return { append, given };
}

describe("appendOrThrow", () => {
  test("answers where the entry stands", async () => {
    const router = routerOf({ kind: "committed", committed });
    expect(await appendOrThrow(router, commandUntil(100), new FakeClock())).toEqual(committed);
    expect(router.given).toEqual([commandUntil(100)]);
  });

  test("throws the fault of a failed append", async () => {
    const fault = new Fault(ErrorReason.NOT_A_MEMBER, "no longer");
    const failed = appendOrThrow(routerOf({ kind: "failed", fault }), commandUntil(100), new FakeClock());
    await expect(failed).rejects.toBe(fault);
  });

  test("gives a command out again that no owner took, marked as one that was given out before", async () => {
    const clock = new FakeClock();
    const router = routerOf({ kind: "moved" }, { kind: "moved" }, { kind: "committed", committed });
    const appended = appendOrThrow(router, commandUntil(1_000), clock);
    await clock.advance(100);
    expect(await appended).toEqual(committed);
    expect(router.given.map((command) => command.retry)).toEqual([false, true, true]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("does not know the outcome when the command expires, since an owner that is silent may have taken it", async () => {
    const clock = new FakeClock({ monotonicMs: 5_000 });
    const router = routerOf({ kind: "moved" });
    const appended = appendOrThrow(router, commandUntil(5_100), clock);
    const given = appended.catch((thrown: unknown) => thrown);
    await clock.advance(200);
    expect(await given).toMatchObject({ reason: ErrorReason.OUTCOME_UNKNOWN, retryDelayMs: 1_000 });
    expect(router.given.length).toBe(5);
    expect(clock.pendingTimers).toBe(0);
  });

  test("does not say that nothing was written when only the last of several owners refused it", async () => {
    const clock = new FakeClock();
    const fault = overloaded("waiting_commands", "full");
    const refused = appendOrThrow(routerOf({ kind: "failed", fault }), commandUntil(1_000), clock);
    await expect(refused).rejects.toBe(fault);
    const router = routerOf({ kind: "moved" }, { kind: "failed", fault });
    const appended = appendOrThrow(router, commandUntil(1_000), clock).catch((thrown: unknown) => thrown);
    await clock.advance(100);
    expect(await appended).toMatchObject({ reason: ErrorReason.OUTCOME_UNKNOWN });
  });
});

test("a command expires with its call, and after eight seconds at the latest", () => {
  const clock = new FakeClock({ monotonicMs: 1_000 });
  expect(commandExpireMs(clock, undefined)).toBe(1_000 + commandMsMax);
  expect(commandExpireMs(clock, 60_000)).toBe(1_000 + commandMsMax);
  expect(commandExpireMs(clock, 250)).toBe(1_250);
});
