import { expect, test } from "vitest";
import type { SendOutcome } from "../../history/history.ts";
import { checkOutage, describeTimes } from "./cluster-figures.ts";
import { type Absence, longestSilence, outageAround, type PlacedSend } from "./outage.ts";

const windowMs = 10_000;

/** Away from second 20 to second 22. */
const absence: Absence = { nodeId: "node-1", beganMs: 20_000, endedMs: 22_000 };

function send(nodeId: string, beganMs: number, tookMs: number | undefined): PlacedSend {
  const outcome: SendOutcome =
    tookMs === undefined
      ? { kind: "open" }
      : { kind: "acknowledged", seq: 1n, entryId: "e", endedMs: beganMs + tookMs };
  return {
    nodeId,
    send: {
      senderId: "a",
      deviceId: "d",
      conversationId: "c",
      clientMessageId: `${nodeId} ${beganMs}`,
      text: "t",
      way: "unary",
      beganMs,
      tries: 1,
      outcome,
    },
  };
}

function outageOf(...sends: PlacedSend[]) {
  return outageAround([absence.beganMs], windowMs, { sends, absences: [absence] });
}

test("the outage holds sends that began within the window after the moment, and none that began later", () => {
  const outage = outageOf(send("node-2", 20_000, 700), send("node-2", 30_000, 5), send("node-2", 30_001, 9));
  expect(outage).toEqual({ before: [], elsewhere: [700, 5], atAbsent: [] });
});

test("a send that was under way at the moment is part of the outage, one that had ended is not", () => {
  const outage = outageOf(send("node-2", 19_990, 10), send("node-2", 19_990, 9));
  expect(outage).toEqual({ before: [9], elsewhere: [10], atAbsent: [] });
});

test("a client whose own node was away at some moment of its send is told apart", () => {
  const outage = outageOf(
    send("node-1", 19_900, 300),
    send("node-1", 21_999, 40),
    send("node-1", 22_001, 50),
    send("node-2", 21_000, 60),
  );
  expect(outage).toEqual({ before: [], elsewhere: [50, 60], atAbsent: [300, 40] });
});

test("a send without an acknowledgement has no outage", () => {
  expect(outageOf(send("node-2", 20_500, undefined))).toEqual({ before: [], elsewhere: [], atAbsent: [] });
});

test("the longest silence is the whole absence when no client of another node heard anything in it", () => {
  const sends = [send("node-1", 20_500, 100), send("node-2", 19_000, 100), send("node-2", 20_100, 5_000)];
  expect(longestSilence(absence, { sends })).toBe(2_000);
});

test("the longest silence reaches from one acknowledgement to the next", () => {
  const sends = [send("node-3", 21_000, 900), send("node-2", 20_000, 300)];
  expect(longestSilence(absence, { sends })).toBe(1_600);
});

test("an outage whose 99th percentile is above the bound is a violation", () => {
  const times = Array.from({ length: 100 }, (_, index) => index + 1);
  expect(checkOutage(times, 99)).toMatchObject([{ examined: 100, violationCount: 0 }]);
  expect(checkOutage(times, 98)).toMatchObject([{ violations: ["it is 99 ms, over 100 sends"] }]);
});

test("an outage is not judged where no bound is given", () => {
  expect(checkOutage([1, 1_000_000], undefined)).toEqual([]);
});

test("times are described by their percentiles, and the lack of any by a word", () => {
  expect(describeTimes([3, 1, 2])).toBe("p50 2 ms, p99 3 ms, worst 3 ms (3 sends)");
  expect(describeTimes([])).toBe("no sends");
});
