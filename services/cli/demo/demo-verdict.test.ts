import { describe, expect, test } from "vitest";
import type { SeenEntry, SendRecord } from "../../history/history.ts";
import { type DemoEvidence, judgeDemo } from "./demo-verdict.ts";

const conversationId = "d-a-b";

function send(index: number, more: Partial<SendRecord> = {}): SendRecord {
  return {
    senderId: "a",
    deviceId: "da",
    conversationId,
    clientMessageId: `m${index}`,
    text: `text ${index}`,
    way: "stream",
    lane: "da",
    laneIndex: index,
    beganMs: index * 10,
    tries: 1,
    outcome: {
      kind: "acknowledged",
      seq: BigInt(index + 1),
      entryId: `e${index}`,
      endedMs: index * 10 + 2,
    },
    ...more,
  };
}

function seen(index: number, more: Partial<SeenEntry> = {}): SeenEntry {
  return {
    conversationId,
    seq: BigInt(index + 1),
    entryId: `e${index}`,
    senderId: "a",
    clientMessageId: `m${index}`,
    messageOrdinal: BigInt(index + 1),
    text: `text ${index}`,
    ...more,
  };
}

const indexes = [0, 1, 2, 3, 4];

/** Five messages, the third of which was under way at the kill and took 400 ms. */
function evidence(more: Partial<DemoEvidence> = {}): DemoEvidence {
  const entries = indexes.map((index) => seen(index));
  const sends = indexes.map((index) => send(index));
  sends[2] = send(2, { outcome: { kind: "acknowledged", seq: 3n, entryId: "e2", endedMs: 420 }, tries: 2 });
  return {
    sends,
    logs: [
      { conversationId, entries, listedBy: "alice at node-1" },
      { conversationId, entries, listedBy: "bob at node-2" },
    ],
    observers: [
      { deviceId: "alice's device", conversationId, entries },
      { deviceId: "bob's device", conversationId, entries },
    ],
    reads: [{ readerId: "a", conversationId, beganMs: 1_000, endedMs: 1_001, headSeq: 5n }],
    killedMs: 25,
    ...more,
  };
}

test("a demo in which all is well has no problem, an outage and a count of what was hit", () => {
  const verdict = judgeDemo(evidence());
  expect(verdict).toMatchObject({ problems: [], outageMs: 400, medianMs: 2, hit: 1 });
  expect(verdict.findings.length).toBeGreaterThan(5);
});

describe("a demo is judged wrong when", () => {
  const entries = indexes.map((index) => seen(index));
  const log = { conversationId, entries, listedBy: "alice at node-1" };
  const withObserver = (held: readonly SeenEntry[]): Partial<DemoEvidence> => ({
    observers: [{ deviceId: "bob's device", conversationId, entries: held }],
  });

  test.each<{ what: string; more: Partial<DemoEvidence>; says: RegExp }>([
    {
      what: "an acknowledged message is not in the log",
      more: { logs: [{ ...log, entries: entries.slice(0, 4) }] },
      says: /lost/,
    },
    {
      what: "a message is in the log twice",
      more: {
        logs: [{ ...log, entries: [...entries, seen(4, { seq: 6n, entryId: "e9", messageOrdinal: 6n })] }],
      },
      says: /twice|duplicate| and /,
    },
    {
      what: "two messages of one stream changed places",
      more: {
        sends: [
          send(0, { outcome: { kind: "acknowledged", seq: 2n, entryId: "e1", endedMs: 50 } }),
          send(1, { outcome: { kind: "acknowledged", seq: 1n, entryId: "e0", endedMs: 50 } }),
        ],
      },
      says: /order/,
    },
    {
      what: "the other one never got the last message",
      more: withObserver(entries.slice(0, 4)),
      says: /converged/,
    },
    {
      what: "the other one stored a message twice",
      more: withObserver([seen(0), seen(0), ...entries.slice(1)]),
      says: /once/,
    },
    {
      what: "the two list different things",
      more: {
        logs: [log, { ...log, entries: [seen(0, { text: "other" }), ...entries.slice(1)], listedBy: "bob" }],
      },
      says: /the list of bob/,
    },
    {
      what: "a send has no outcome",
      more: { sends: [send(0, { outcome: { kind: "open" } })] },
      says: /no outcome/,
    },
    { what: "nobody listed the log", more: { logs: [] }, says: /nothing to look at/ },
    { what: "no node was killed", more: { killedMs: undefined }, says: /no node was killed/ },
  ])("$what", ({ more, says }) => {
    expect(judgeDemo(evidence(more)).problems.join("\n")).toMatch(says);
  });
});
