import { describe, expect, test } from "vitest";
import { CloseAction, CloseReason, CloseReasonSchema } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { closeReasonName, streamClosed } from "./close-reasons.ts";

const { UNSPECIFIED: _, ...named } = CloseReason;
const reasons = Object.values(named);

describe("a closed stream", () => {
  test.each(reasons)(
    "for reason %i tells an action, a sentence, and a delay only where one counts",
    (reason) => {
      const closed = streamClosed(reason);
      expect(closed.reason).toBe(reason);
      expect(closed.action).not.toBe(CloseAction.UNSPECIFIED);
      expect(closed.message.length).toBeGreaterThan(10);
      const delayed = closed.action === CloseAction.RECONNECT_AFTER_DELAY;
      expect(delayed || closed.retryDelay === undefined).toBe(true);
      expect(closeReasonName(reason)).toMatch(/^[a-z_]+$/);
    },
  );

  test("has a row for every reason of the contract", () => {
    expect(reasons).toHaveLength(CloseReasonSchema.values.length - 1);
  });

  test("never invites two devices to evict each other for ever", () => {
    for (const reason of [CloseReason.SUPERSEDED, CloseReason.DEVICE_LIMIT] as const) {
      expect(streamClosed(reason).action).toBe(CloseAction.STAY_CLOSED);
    }
  });

  test("keeps a message and a delay within the contract", () => {
    const closed = streamClosed(CloseReason.OVERLOADED, { message: "x".repeat(900), retryDelayMs: 1e9 });
    expect(closed.message).toHaveLength(512);
    expect(closed.retryDelay?.seconds).toBe(300n);
  });
});
