import { describe, expect, test } from "vitest";
import { checkHistory } from "./check-history.ts";
import type { HeadRead, History, SeenEntry, SendRecord, StreamRecord } from "./history.ts";
import { type PutBack, withoutUndone } from "./undone.ts";

const conversationId = "g-1";

/** The copy has the first two messages; it was made at 100 and put back at 200. */
const putBack: PutBack = { copiedMs: 100, doneMs: 200, heads: new Map([[conversationId, 2n]]) };

function send(seq: bigint, beganMs: number): SendRecord {
  return {
    senderId: "a1",
    deviceId: "d1",
    conversationId,
    clientMessageId: `m${beganMs}`,
    text: `text ${beganMs}`,
    way: "unary",
    beganMs,
    tries: 1,
    outcome: { kind: "acknowledged", seq, entryId: `e${beganMs}`, endedMs: beganMs + 5 },
  };
}

function entryOf({ outcome, senderId, clientMessageId, text, beganMs }: SendRecord): SeenEntry {
  const seq = outcome.kind === "acknowledged" ? outcome.seq : 0n;
  return {
    conversationId,
    seq,
    entryId: `e${beganMs}`,
    senderId,
    clientMessageId,
    messageOrdinal: seq,
    text,
  };
}

function read(headSeq: bigint, beganMs: number): HeadRead {
  return { readerId: "a1", conversationId, beganMs, endedMs: beganMs + 5, headSeq };
}

/** Two messages before the copy, one after it that was undone, and one after the put-back in its place. */
const first = send(1n, 10);
const second = send(2n, 50);
const undone = send(3n, 150);
const later = send(3n, 250);

function historyOf(changes: Partial<History> = {}): History {
  const entries = [first, second, later].map(entryOf);
  return {
    sends: [first, second, undone, later],
    logs: [{ conversationId, entries }],
    observers: [{ deviceId: "d1", conversationId, entries }],
    reads: [read(3n, 160), read(2n, 210)],
    ...changes,
  };
}

function trippedBy(history: History, putBacks: readonly PutBack[] = [putBack]): string[] {
  return checkHistory(withoutUndone(history, putBacks)).flatMap(({ check, violationCount }) =>
    violationCount > 0 ? [check] : [],
  );
}

describe("withoutUndone", () => {
  test("excuses what was acknowledged above the copy, and heads read before the put-back", () => {
    expect(trippedBy(historyOf())).toEqual([]);
  });

  test("leaves a history without put-backs as it is, whose losses are seen", () => {
    const history = historyOf();
    expect(withoutUndone(history, [])).toBe(history);
    expect(trippedBy(history, [])).toContain("no acknowledged message lost");
  });

  test("excuses nothing that the copy has", () => {
    const entries = [first, later].map(entryOf);
    const tripped = trippedBy(historyOf({ logs: [{ conversationId, entries }], observers: [] }));
    expect(tripped).toContain("no acknowledged message lost");
  });

  test("excuses nothing that was acknowledged before the copy was made", () => {
    const early = send(3n, 80);
    expect(trippedBy(historyOf({ sends: [first, second, early, later] }))).toContain(
      "no acknowledged message lost",
    );
  });

  test("excuses nothing that began after the put-back", () => {
    const lost = send(4n, 260);
    expect(trippedBy(historyOf({ sends: [first, second, undone, later, lost] }))).toEqual([
      "no acknowledged message lost",
    ]);
  });

  test("excuses a message that is in the log under another id only when that one was undone", () => {
    const again = { ...later, clientMessageId: undone.clientMessageId, text: undone.text };
    const entries = [first, second].map(entryOf).concat({ ...entryOf(again), entryId: "e250" });
    const changed = { sends: [first, second, undone], logs: [{ conversationId, entries }], observers: [] };
    expect(trippedBy(historyOf(changed))).toEqual([]);
    expect(
      trippedBy(historyOf({ ...changed, sends: [first, second, { ...undone, beganMs: 210 }] })),
    ).toContain("no acknowledged message lost");
  });

  test("still expects the head of the copy of every later read", () => {
    expect(trippedBy(historyOf({ reads: [read(3n, 160), read(1n, 210)] }))).toEqual([
      "own writes are read",
      "reads never go back",
    ]);
  });

  test("lets generations begin again with the copy, and not within one life of the store", () => {
    const [before, after] = [stream(5n, 150), stream(3n, 250)];
    const streamsOf = (...records: StreamRecord[]) => historyOf({ streams: { records, calmFromMs: 0 } });
    expect(trippedBy(streamsOf(before, after))).toEqual([]);
    expect(trippedBy(streamsOf(before, after, stream(2n, 300)))).toEqual(["generations rise"]);
  });
});

function stream(generation: bigint, beganMs: number): StreamRecord {
  return {
    deviceId: "d1",
    place: "n1",
    beganMs,
    ordinal: 0n,
    opened: { generation, heardMs: beganMs + 5 },
    isRefused: false,
    closed: undefined,
    lastHeardMs: beganMs + 5,
    leftMs: undefined,
    heardLate: [],
  };
}
