import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkHistory } from "./check-history.ts";
import { type Finding, isClean, violationsNamedMax } from "./finding.ts";
import type { History, SeenEntry, SendRecord } from "./history.ts";

const conversationId = "g-1";

interface Draft {
  sends: SendRecord[];
  entries: SeenEntry[];
  seenBy: SeenEntry[][];
  reads: { readerId: string; conversationId: string; beganMs: number; endedMs: number; headSeq: bigint }[];
}

/** A faultless run: one group, `count` messages by two senders in turn, two devices that saw all of it. */
function faultless(count = 6): Draft {
  const created: SeenEntry = {
    conversationId,
    seq: 1n,
    entryId: "e1",
    senderId: "a0",
    clientMessageId: "creation",
    messageOrdinal: 0n,
    text: undefined,
  };
  const messages = Array.from({ length: count }, (_, index): SeenEntry => {
    const seq = BigInt(index) + 2n;
    const [senderId, clientMessageId, text] = [`a${index % 2}`, `m${index}`, `text ${index}`];
    return {
      conversationId,
      seq,
      entryId: `e${seq}`,
      senderId,
      clientMessageId,
      messageOrdinal: seq - 1n,
      text,
    };
  });
  const sends = messages.map((entry, index): SendRecord => {
    const { senderId, clientMessageId, text = "" } = entry;
    return {
      senderId,
      deviceId: `d${index % 2}`,
      conversationId,
      clientMessageId,
      text,
      way: "stream",
      lane: `d${index % 2} ${conversationId}`,
      laneIndex: Math.floor(index / 2),
      beganMs: index * 10,
      tries: 1,
      outcome: { kind: "acknowledged", seq: entry.seq, entryId: entry.entryId, endedMs: index * 10 + 5 },
    };
  });
  const entries = [created, ...messages];
  const head = { readerId: "a0", conversationId, headSeq: BigInt(count) + 1n };
  const reads = [
    { ...head, beganMs: 1_000, endedMs: 1_010 },
    { ...head, beganMs: 1_005, endedMs: 1_020 },
    { ...head, beganMs: 1_030, endedMs: 1_040 },
  ];
  return { sends, entries, seenBy: [[...entries], [...entries]], reads };
}

function findingsOf(draft: Draft): readonly Finding[] {
  const history: History = {
    sends: draft.sends,
    logs: [{ conversationId, entries: draft.entries }],
    observers: draft.seenBy.map((entries, index) => ({ deviceId: `d${index}`, conversationId, entries })),
    reads: draft.reads,
  };
  return checkHistory(history);
}

/** The names of the checks that a planted fault trips. */
function trippedBy(plant: (draft: Draft) => void): string[] {
  const draft = faultless();
  plant(draft);
  return findingsOf(draft).flatMap(({ check, violationCount }) => (violationCount > 0 ? [check] : []));
}

function replace<T extends object>(items: T[], index: number, change: Partial<T>): void {
  const item = items[index];
  if (item === undefined) throw new Error(`there is no item ${index}`);
  items[index] = { ...item, ...change };
}

describe("checkHistory", () => {
  test("finds nothing in a faultless history, and has looked at something for each check", () => {
    const findings = findingsOf(faultless());
    expect(findings.flatMap((finding) => finding.violations)).toEqual([]);
    expect(isClean(findings)).toBe(true);
    expect(findings.filter(({ examined }) => examined === 0).map(({ check }) => check)).toEqual([]);
  });

  test("sees an acknowledged message that is not in the log", () => {
    const tripped = trippedBy((draft) => {
      draft.entries.pop();
      for (const seen of draft.seenBy) seen.pop();
      draft.reads = [];
    });
    expect(tripped).toEqual(["no acknowledged message lost"]);
  });

  test("sees an acknowledged message that stands elsewhere than its sender was told", () => {
    const tripped = trippedBy((draft) => {
      replace(draft.sends, 5, { outcome: { kind: "acknowledged", seq: 9n, entryId: "e7", endedMs: 60 } });
      draft.reads = [];
    });
    expect(tripped).toEqual(["no acknowledged message lost"]);
  });

  test("sees an acknowledged message that another entry id stands for", () => {
    const tripped = trippedBy((draft) => {
      replace(draft.sends, 5, { outcome: { kind: "acknowledged", seq: 7n, entryId: "other", endedMs: 60 } });
    });
    expect(tripped).toEqual(["no acknowledged message lost"]);
  });

  test("sees a message that nobody sent", () => {
    expect(trippedBy((draft) => void draft.sends.pop())).toEqual(["no phantom"]);
  });

  test("sees a message with another content than what was sent", () => {
    expect(trippedBy((draft) => replace(draft.sends, 2, { text: "other" }))).toEqual(["no phantom"]);
  });

  test("sees a message in the log whose sender was told that it never will be", () => {
    const outcome = { kind: "rejected", reason: "NOT_A_MEMBER" } as const;
    expect(trippedBy((draft) => replace(draft.sends, 2, { outcome }))).toEqual(["no phantom"]);
  });

  test("sees a retry that was appended a second time", () => {
    const tripped = trippedBy((draft) => {
      const again = { seq: 8n, entryId: "e8", messageOrdinal: 7n };
      for (const entries of [draft.entries, ...draft.seenBy]) {
        const [, first] = entries;
        if (first !== undefined) entries.push({ ...first, ...again });
      }
    });
    expect(tripped).toEqual(["no acknowledged message lost", "no duplicate"]);
  });

  test("sees an entry id that was given out twice", () => {
    const tripped = trippedBy((draft) => {
      replace(draft.sends, 5, { outcome: { kind: "acknowledged", seq: 7n, entryId: "e6", endedMs: 60 } });
      for (const entries of [draft.entries, ...draft.seenBy]) replace(entries, 6, { entryId: "e6" });
    });
    expect(tripped).toEqual(["no duplicate"]);
  });

  test("sees a hole in the numbers, even one that all observers share", () => {
    const tripped = trippedBy((draft) => {
      draft.sends.splice(2, 1);
      for (const entries of [draft.entries, ...draft.seenBy]) entries.splice(3, 1);
    });
    expect(tripped).toContain("dense numbers");
    expect(tripped).toContain("each entry once, in order, no gap");
  });

  test("sees a log that does not begin at 1", () => {
    const tripped = trippedBy((draft) => void draft.entries.shift());
    expect(tripped).toContain("dense numbers");
  });

  test("sees a message ordinal that does not count the messages", () => {
    const tripped = trippedBy((draft) => {
      for (const entries of [draft.entries, ...draft.seenBy]) replace(entries, 6, { messageOrdinal: 5n });
    });
    expect(tripped).toEqual(["dense numbers"]);
  });

  test("sees a send without an outcome", () => {
    const tripped = trippedBy((draft) => replace(draft.sends, 3, { outcome: { kind: "open" } }));
    expect(tripped).toEqual(["every send settled"]);
  });

  test("sees a device that stored an entry twice", () => {
    const tripped = trippedBy((draft) => {
      const [seen] = draft.seenBy;
      const entry = seen?.[3];
      if (entry !== undefined) seen?.splice(3, 0, entry);
    });
    expect(tripped).toContain("each entry once, in order, no gap");
  });

  test("sees a device that stored entries out of order", () => {
    const tripped = trippedBy((draft) => {
      draft.seenBy[1] = draft.entries.toReversed();
    });
    expect(tripped).toContain("each entry once, in order, no gap");
  });

  test("sees two devices that hold different entries under one number", () => {
    const tripped = trippedBy((draft) => {
      const [, second] = draft.seenBy;
      if (second !== undefined) replace(second, 3, { entryId: "fork" });
    });
    expect(tripped).toEqual(["observers agree"]);
  });

  test("sees a device that never learned of the last entry", () => {
    expect(trippedBy((draft) => void draft.seenBy[0]?.pop())).toEqual(["every device converged"]);
  });

  test("sees a device that holds nothing at all", () => {
    const tripped = trippedBy((draft) => {
      draft.seenBy[0] = [];
    });
    expect(tripped).toEqual(["every device converged"]);
  });

  test("lets a device begin with the entry that added it", () => {
    expect(trippedBy((draft) => void draft.seenBy[0]?.splice(0, 2))).toEqual([]);
  });

  test("sees pipelined sends that were appended in another order", () => {
    const tripped = trippedBy((draft) => {
      replace(draft.sends, 0, { laneIndex: 1 });
      replace(draft.sends, 2, { laneIndex: 0 });
    });
    expect(tripped).toEqual(["pipelined sends in order"]);
  });

  test("sees a send that began after a later-numbered one was acknowledged", () => {
    const tripped = trippedBy((draft) => replace(draft.sends, 1, { beganMs: 30 }));
    expect(tripped).toEqual(["real-time order"]);
  });

  test("sees a reader who misses what was acknowledged to them before", () => {
    const tripped = trippedBy((draft) => replace(draft.reads, 0, { headSeq: 5n }));
    expect(tripped).toEqual(["own writes are read"]);
  });

  test("sees a reader who is shown less than before", () => {
    const unwritten = { readerId: "a9" };
    const tripped = trippedBy((draft) => {
      for (const index of [0, 1, 2]) replace(draft.reads, index, unwritten);
      replace(draft.reads, 2, { ...unwritten, headSeq: 5n });
    });
    expect(tripped).toEqual(["reads never go back"]);
  });

  test("two reads at the same time may see different heads", () => {
    const tripped = trippedBy((draft) => {
      for (const index of [0, 1, 2]) replace(draft.reads, index, { readerId: "a9" });
      replace(draft.reads, 1, { readerId: "a9", headSeq: 5n });
    });
    expect(tripped).toEqual([]);
  });

  test("asks of a read only what had been acknowledged before it began", () => {
    const tripped = trippedBy((draft) => replace(draft.reads, 0, { headSeq: 2n, beganMs: 15, endedMs: 16 }));
    expect(tripped).toEqual([]);
  });

  test("names a bounded number of violations and counts all", () => {
    const draft = faultless(100);
    draft.sends = [];
    const phantom = findingsOf(draft).find(({ check }) => check === "no phantom");
    expect(phantom?.violationCount).toBe(100);
    expect(phantom?.violations).toHaveLength(violationsNamedMax);
  });

  test("sees the loss of any one message of any faultless history", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), (count, at) => {
        const draft = faultless(count);
        draft.entries.splice(1 + (at % count), 1);
        const lost = findingsOf(draft).find(({ check }) => check === "no acknowledged message lost");
        expect(lost?.violationCount).toBe(1);
      }),
    );
  });
});
