import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { EntrySchema } from "../../../gen/parley/message/v1/entry_pb.ts";
import type { SendRecord } from "../../history/history.ts";
import { HeldLog } from "./held-log.ts";
import { checkRejections, checkVisibility, type StoredLog, visibleSeqs } from "./sim-checks.ts";
import type { ChangeRecord, Rejection } from "./sim-journal.ts";

const group = "g-1";

type Body = NonNullable<MessageInitShape<typeof EntrySchema>["body"]>;

function logOf(...bodies: readonly Body[]): StoredLog {
  const entries = bodies.map((body, index) =>
    create(EntrySchema, {
      conversationId: group,
      seq: BigInt(index + 1),
      senderId: "owner",
      clientMessageId: `r${index + 1}`,
      body,
    }),
  );
  return { conversationId: group, entries };
}

const created = { case: "groupCreated", value: { memberIds: ["owner"] } } satisfies Body;
const added = { case: "membersAdded", value: { accountIds: ["bob"] } } satisfies Body;
const removed = { case: "memberRemoved", value: { accountId: "bob" } } satisfies Body;
const message = {
  case: "message",
  value: { kind: { case: "text", value: { text: "hello" } } },
} satisfies Body;

describe("what a device may see", () => {
  const log = logOf(created, added, message, removed, message, added, message);

  test("is from each entry that adds its account to the one that removes it", () => {
    expect(visibleSeqs(log, "bob")).toEqual([2n, 3n, 4n, 6n, 7n]);
    expect(visibleSeqs(log, "carol")).toEqual([]);
  });

  function checked(seqs: readonly number[], toTheEnd: boolean): readonly string[] {
    const held = new HeldLog("bob", "phone");
    const seen = seqs.flatMap((seq) => log.entries[seq - 1] ?? []);
    for (const entry of seen) held.take(entry);
    return checkVisibility([{ accountId: "bob", deviceId: "phone", held }], [log], {
      toTheEnd,
      wasPutBack: false,
    }).violations;
  }

  test("is held from the beginning, and to the end once everything has converged", () => {
    expect(checked([2, 3, 4, 6, 7], true)).toEqual([]);
    expect(checked([2, 3], false)).toEqual([]);
    expect(checked([2, 3, 4], true)[0]).toMatch(/holds 3 of 5/);
  });

  test("has no hole, and nothing after a removal", () => {
    expect(checked([2, 6], false)[0]).toMatch(/stored 6 where 3 belongs/);
    expect(checked([2, 3, 4, 5], false)[0]).toMatch(/stored 5 where 6 belongs/);
  });
});

describe("rejections", () => {
  const send: SendRecord = {
    senderId: "bob",
    deviceId: "phone",
    conversationId: group,
    clientMessageId: "m",
    text: "hello",
    way: "unary",
    beganMs: 100,
    tries: 1,
    outcome: { kind: "rejected", reason: "NOT_A_MEMBER" },
  };
  const rejection: Rejection = { send, reason: "NOT_A_MEMBER", endedMs: 200 };

  function check(
    log: StoredLog,
    times: readonly (readonly [number, number | undefined])[],
  ): readonly string[] {
    const changes: ChangeRecord[] = times.map(([beganMs, endedMs], index) => ({
      conversationId: group,
      requestId: `r${index + 1}`,
      beganMs,
      endedMs,
    }));
    return checkRejections({ changes, rejections: [rejection] }, [log]).violations;
  }

  test("are wrong for somebody who was a member all the time", () => {
    const violations = check(logOf(created, added), [
      [0, 10],
      [20, 90],
    ]);
    expect(violations[0]).toMatch(/was rejected with NOT_A_MEMBER, a member since 2/);
  });

  test("may be true for somebody who was added or removed meanwhile, or never added", () => {
    const addedLate = [
      [0, 10],
      [20, 110],
    ] as const;
    const removedEarly = [
      [0, 10],
      [20, 90],
      [190, undefined],
    ] as const;
    expect(check(logOf(created, added), addedLate)).toEqual([]);
    expect(check(logOf(created, added, removed), removedEarly)).toEqual([]);
    expect(check(logOf(created), [[0, 10]])).toEqual([]);
  });

  test("are wrong when the removal began only after they were heard", () => {
    const times = [
      [0, 10],
      [20, 90],
      [210, undefined],
    ] as const;
    expect(check(logOf(created, added, removed), times)).toHaveLength(1);
  });
});
