import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { SendMessageRequestSchema } from "../../../gen/parley/message/v1/message_service_pb.ts";
import { type SendResult, SendResultSchema } from "../../../gen/parley/session/v1/session_pb.ts";
import { SendLane, sendsUnansweredMax } from "./send-lane.ts";

let lane: SendLane;

beforeEach(() => {
  lane = new SendLane();
  lane.attached();
});

function add(...ids: string[]): void {
  for (const clientMessageId of ids) lane.add(create(SendMessageRequestSchema, { clientMessageId }));
}

/** What goes out now: ids, with a `!` for a retry. */
function out(): string[] {
  const ids: string[] = [];
  for (let request = lane.next(); request !== undefined; request = lane.next()) {
    ids.push(`${request.clientMessageId}${request.retry ? "!" : ""}`);
  }
  return ids;
}

function result(
  clientMessageId: string,
  outcome: MessageInitShape<typeof SendResultSchema>["outcome"],
): SendResult {
  return create(SendResultSchema, { clientMessageId, ...(outcome && { outcome }) });
}

function committed(id: string, seq = 1n): SendResult {
  return result(id, { case: "committed", value: { entryId: `e-${id}`, position: { seq } } });
}

function failed(id: string, reason: ErrorReason, retryMs?: number): SendResult {
  const retry = retryMs === undefined ? {} : { retryDelay: durationFromMs(retryMs) };
  return result(id, { case: "failed", value: { reason, ...retry } });
}

describe("sends of one device to one conversation", () => {
  test("go out at once and in order, at most 48 unanswered", () => {
    const ids = Array.from({ length: sendsUnansweredMax + 2 }, (_, index) => `m${index}`);
    add(...ids);
    expect(out()).toEqual(ids.slice(0, sendsUnansweredMax));
    lane.answer(committed("m0"));
    expect(out()).toEqual([`m${sendsUnansweredMax}`]);
    expect([lane.underWay, lane.unsettled]).toEqual([sendsUnansweredMax, ids.length - 1]);
  });

  test("settle once, with what the node said", () => {
    add("a", "b");
    out();
    expect(lane.answer(committed("a", 7n))).toEqual({ kind: "acknowledged", seq: 7n, entryId: "e-a" });
    expect(lane.answer(committed("a", 8n))).toBeUndefined();
    expect(lane.answer(failed("b", ErrorReason.INVALID_FIELD))).toEqual({
      kind: "rejected",
      reason: "INVALID_FIELD",
    });
    expect(lane.unsettled).toBe(0);
  });

  test("after a refusal for now wait until all is answered and the longest delay is over, then repeat from the oldest", () => {
    add("a", "b", "c");
    out();
    lane.answer(failed("a", ErrorReason.STORE_UNAVAILABLE, 100));
    add("d");
    expect([out(), lane.pauseMs]).toEqual([[], undefined]);
    lane.answer(failed("b", ErrorReason.EARLIER_SEND_UNSETTLED, 300));
    expect([out(), lane.pauseMs]).toEqual([[], undefined]);
    lane.answer(committed("c"));
    expect([out(), lane.pauseMs]).toEqual([[], 300]);
    lane.resume();
    expect([out(), lane.pauseMs]).toEqual([["a!", "b!", "d"], undefined]);
  });

  test("an unknown outcome is repeated, whether a delay came with it or not", () => {
    add("a");
    out();
    expect(lane.answer(failed("a", ErrorReason.OUTCOME_UNKNOWN))).toBeUndefined();
    expect(lane.pauseMs).toBe(0);
  });

  test("nothing goes out without a stream; on a new one everything unsettled goes out again, oldest first", () => {
    add("a", "b");
    out();
    lane.answer(failed("a", ErrorReason.STORE_UNAVAILABLE, 100));
    lane.detached();
    add("c");
    expect([out(), lane.underWay, lane.pauseMs]).toEqual([[], 0, undefined]);
    lane.attached();
    expect(out()).toEqual(["a!", "b!", "c"]);
  });

  test("whatever is answered in whatever order, each settles once and repeats never overtake", () => {
    const step = fc.oneof(
      fc.constant("add" as const),
      fc.constant("cut" as const),
      fc.record({ pick: fc.nat(), good: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        lane = new SendLane();
        lane.attached();
        const under: string[] = [];
        const settled: string[] = [];
        let made = 0;
        const pump = (): void => {
          if (lane.pauseMs !== undefined) lane.resume();
          const sent = out().map((id) => id.replace("!", ""));
          // What goes out together is in the order in which it was made.
          expect(sent).toEqual(sent.toSorted((one, other) => Number(one) - Number(other)));
          under.push(...sent);
        };
        const answer = (id: string, good: boolean): void => {
          const said = good ? committed(id) : failed(id, ErrorReason.OUTCOME_UNKNOWN, 1);
          if (lane.answer(said) !== undefined) settled.push(id);
        };
        for (const one of steps) {
          if (one === "add") add(String(made++));
          else if (one === "cut") {
            lane.attached();
            under.length = 0;
          } else if (under.length > 0) {
            const [id = ""] = under.splice(one.pick % under.length, 1);
            answer(id, one.good);
          }
          pump();
        }
        while (under.length > 0) {
          answer(under.shift() ?? "", true);
          pump();
        }
        expect(settled.toSorted()).toEqual(
          Array.from({ length: made }, (_, index) => String(index)).toSorted(),
        );
        expect([lane.unsettled, lane.underWay]).toEqual([0, 0]);
      }),
    );
  });
});
