import { describe, expect, test } from "vitest";
import { checkHistory } from "./check-history.ts";
import { supersededMsMax } from "./fencing-checks.ts";
import type { SendRecord, StreamRecord } from "./history.ts";

const calmFromMs = 1_000;

/** One device: at n1, then at n1 again, then at n2; each older stream is left open, and hears `closed` soon. */
function faultless(): StreamRecord[] {
  return [
    stream({ beganMs: 0, generation: 1n, closedMs: 120, leftMs: 100 }),
    stream({ beganMs: 100, generation: 2n, closedMs: 250, leftMs: 200 }),
    { ...stream({ beganMs: 200, generation: 3n }), place: "n2" },
  ];
}

function stream(about: {
  readonly beganMs: number;
  readonly generation: bigint;
  readonly closedMs?: number;
  readonly leftMs?: number;
}): StreamRecord {
  const { beganMs, generation, closedMs, leftMs } = about;
  return {
    deviceId: "d1",
    place: "n1",
    beganMs,
    ordinal: 0n,
    opened: { generation, heardMs: beganMs + 10 },
    isRefused: false,
    closed: closedMs === undefined ? undefined : { reason: "SUPERSEDED", heardMs: closedMs },
    lastHeardMs: beganMs + 10,
    leftMs,
    heardLate: [],
  };
}

function sendAt(beganMs: number, seq: bigint): SendRecord {
  return {
    senderId: "a2",
    deviceId: "d2",
    conversationId: "g-1",
    clientMessageId: `m${seq}`,
    text: "text",
    way: "unary",
    beganMs,
    tries: 1,
    outcome: { kind: "acknowledged", seq, entryId: `e${seq}`, endedMs: beganMs + 5 },
  };
}

const checks = new Set([
  "generations rise",
  "no older stream closes a newer one",
  "superseded streams of the same node hear nothing new",
  "superseded streams end",
]);

function findingsOf(records: readonly StreamRecord[], sends: readonly SendRecord[] = []) {
  const history = { sends, logs: [], observers: [], reads: [], streams: { records, calmFromMs } };
  return checkHistory(history).filter(({ check }) => checks.has(check));
}

/** The names of the checks that a planted fault trips. */
function trippedBy(
  plant: (first: StreamRecord, second: StreamRecord, third: StreamRecord) => readonly StreamRecord[],
  sends?: readonly SendRecord[],
): string[] {
  const [first, second, third] = faultless();
  if (first === undefined || second === undefined || third === undefined) throw new Error("too few streams");
  return findingsOf(plant(first, second, third), sends).flatMap(({ check, violationCount }) =>
    violationCount > 0 ? [check] : [],
  );
}

describe("the checks of fencing", () => {
  test("find nothing in a faultless history, and have looked at something each", () => {
    const findings = findingsOf(faultless());
    expect(findings).toHaveLength(checks.size);
    expect(findings.flatMap(({ violations }) => violations)).toEqual([]);
    expect(findings.filter(({ examined }) => examined === 0)).toEqual([]);
  });

  test("are left out when nobody noted streams", () => {
    const findings = checkHistory({ sends: [], logs: [], observers: [], reads: [] });
    expect(findings.filter(({ check }) => checks.has(check))).toEqual([]);
  });

  test("see a generation that was given twice", () => {
    const tripped = trippedBy((first, second, third) => [
      first,
      { ...second, closed: undefined },
      { ...third, opened: { generation: 2n, heardMs: 210 } },
    ]);
    expect(tripped).toEqual(["generations rise"]);
  });

  test("see a generation below that of a stream which was open before", () => {
    const [low, high] = [stream({ beganMs: 300, generation: 4n }), stream({ beganMs: 250, generation: 5n })];
    expect(trippedBy((...older) => [...older, high, low])).toEqual(["generations rise"]);
  });

  test("let two attaches at the same time have their generations either way", () => {
    const [low, high] = [stream({ beganMs: 305, generation: 4n }), stream({ beganMs: 300, generation: 5n })];
    expect(trippedBy((...older) => [...older, high, low])).toEqual([]);
  });

  test("see the newest stream superseded by nothing newer", () => {
    const closed = { reason: "SUPERSEDED", heardMs: 900 };
    const tripped = trippedBy((first, second, third) => [first, second, { ...third, closed }]);
    expect(tripped).toEqual(["no older stream closes a newer one"]);
  });

  test("let a try that was never heard of supersede one stream, and no second one", () => {
    const closed = { reason: "SUPERSEDED", heardMs: 900 };
    const unheard = { ...stream({ beganMs: 150, generation: 0n }), opened: undefined };
    const fourth = stream({ beganMs: 950, generation: 5n, closedMs: 990 });
    expect(trippedBy((first, second, third) => [first, second, { ...third, closed }, unheard])).toEqual([]);
    expect(
      trippedBy((first, second, third) => [first, second, { ...third, closed }, unheard, fourth]),
    ).toEqual(["no older stream closes a newer one"]);
  });

  test("let a try that a device numbered lower than the stream, and gave up, supersede nothing", () => {
    const closed = { reason: "SUPERSEDED", heardMs: 900 };
    const unheard = { ...stream({ beganMs: 150, generation: 0n }), opened: undefined };
    const late = (ordinal: bigint): string[] =>
      trippedBy((first, second, third) => [
        { ...first, ordinal: 1n },
        { ...second, ordinal: 2n },
        { ...unheard, ordinal },
        { ...third, ordinal: 4n, closed },
      ]);
    expect(late(3n)).toEqual(["no older stream closes a newer one"]);
    expect(late(5n)).toEqual([]);
  });

  test("hold the stream that a device numbered highest for the newest, whatever its generation", () => {
    const tripped = trippedBy((first, second, third) => [
      { ...first, ordinal: 1n },
      { ...second, ordinal: 4n, closed: undefined, leftMs: undefined },
      { ...third, ordinal: 3n, closed: { reason: "SUPERSEDED", heardMs: 900 } },
    ]);
    expect(tripped).toEqual([]);
  });

  test("let no refused try supersede anything", () => {
    const closed = { reason: "SUPERSEDED", heardMs: 900 };
    const refused = { ...stream({ beganMs: 150, generation: 0n }), opened: undefined, isRefused: true };
    const tripped = trippedBy((first, second, third) => [first, second, { ...third, closed }, refused]);
    expect(tripped).toEqual(["no older stream closes a newer one"]);
  });

  test("see an entry that was sent after a newer stream of the same node was open", () => {
    const heardLate = [{ conversationId: "g-1", seq: 7n, entryId: "e7" }];
    const plant = (first: StreamRecord, second: StreamRecord, third: StreamRecord) => [
      { ...first, heardLate, lastHeardMs: 118 },
      second,
      third,
    ];
    expect(trippedBy(plant, [sendAt(115, 7n)])).toEqual([
      "superseded streams of the same node hear nothing new",
    ]);
    expect(trippedBy(plant, [sendAt(105, 7n)])).toEqual([]);
    // Not what this stream heard: a restored store gave the id once more.
    expect(trippedBy(plant, [sendAt(500, 7n)])).toEqual([]);
  });

  test("let a late stream hear what is new at a node at which newer ones were, and have ended before", () => {
    const heardLate = [{ conversationId: "g-1", seq: 7n, entryId: "e7" }];
    const plant = (first: StreamRecord, second: StreamRecord, third: StreamRecord) => [
      { ...first, ordinal: 2n, closed: undefined, leftMs: undefined },
      { ...second, ordinal: 1n, heardLate, lastHeardMs: 240 },
      { ...third, ordinal: 3n },
    ];
    expect(trippedBy(plant, [sendAt(215, 7n)])).toEqual([]);
  });

  test("let a stream at another node hear new entries until it is told", () => {
    const heardLate = [{ conversationId: "g-1", seq: 7n, entryId: "e7" }];
    const tripped = trippedBy(
      (first, second, last) => [first, { ...second, heardLate }, last],
      [sendAt(300, 7n)],
    );
    expect(tripped).toEqual([]);
  });

  test("see a superseded stream that is still served long after the last fault", () => {
    const plant =
      (lastHeardMs: number) => (first: StreamRecord, second: StreamRecord, last: StreamRecord) => [
        first,
        { ...second, closed: undefined, lastHeardMs },
        last,
      ];
    expect(trippedBy(plant(calmFromMs + supersededMsMax))).toEqual([]);
    expect(trippedBy(plant(calmFromMs + supersededMsMax + 1))).toEqual(["superseded streams end"]);
  });
});
