import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { ContentSchema } from "../../gen/parley/message/v1/content_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { AppendBody, AppendResult } from "./append-command.ts";
import { appendDefaults } from "./append-options.ts";
import { directConversationId, groupConversationId } from "./conversation-id.ts";
import { advance, type ConversationState, emptyConversation } from "./conversation-state.ts";
import { alice, bob, carol, command, dave, text, uuid } from "./fixtures/append-world.ts";
import { entryBody } from "./fixtures/bodies.ts";
import { type Candidate, nextStep, type Step } from "./sequencer.ts";

const direct = directConversationId(alice, bob);
const group = groupConversationId(alice, uuid(0));
const everybody = { existing: new Set([alice, bob, carol, dave]), full: new Set<string>() };
const mine = new Uint8Array([1]);
const others = new Uint8Array([2]);

function candidate(senderId: string, body: AppendBody, changes: Partial<Candidate> = {}): Candidate {
  const conversationId = changes.command?.conversationId ?? group;
  const required = { conversationId, senderId, clientMessageId: uuid(1), body };
  const defaults = { digest: mine, contentBytes: 10, accounts: everybody, proved: true, sent: false };
  return { command: command(required), ...defaults, ...changes };
}

/** alice owns, bob is a member since entry 1, carol was from 2 to 3; entry 4 is a message. */
function groupState(): ConversationState {
  const bodies = [
    entryBody({ case: "groupCreated", value: { name: "n", memberIds: [alice, bob] } }),
    entryBody({ case: "membersAdded", value: { accountIds: [carol] } }),
    entryBody({ case: "memberRemoved", value: { accountId: carol } }),
    entryBody({ case: "message", value: {} }),
  ];
  return bodies.reduce(
    (state, body) => advance(state, { seq: state.last + 1n, messageOrdinal: 0n, senderId: alice, body }),
    emptyConversation(group),
  );
}

function decide(one: Candidate, state = groupState()): Step<string> {
  return nextStep<string>(state, one, undefined, {
    ...appendDefaults,
    contentBytesMax: 100,
    groupMembersMax: 3,
  });
}

function reasonOf(step: Step<string>): ErrorReason | string {
  return step.kind === "answer" && step.result.kind === "failed" ? step.result.fault.reason : step.kind;
}

function recording(nanos: number): AppendBody {
  const value = { data: new Uint8Array([1]), mediaType: "audio/ogg", duration: { seconds: 1n, nanos } };
  return { kind: "message", content: create(ContentSchema, { kind: { case: "voiceClip", value } }) };
}

const committed: AppendResult = {
  kind: "committed",
  committed: { conversationId: group, epoch: 1n, seq: 4n, messageOrdinal: 1n, entryId: "e", createTimeMs: 0 },
};

describe("the sequencer", () => {
  test("members that do not exist any more are left out of an addition like all members", () => {
    const accounts = { existing: new Set([alice, dave]), full: new Set<string>() };
    const addition = candidate(alice, { kind: "addMembers", accountIds: [bob, dave] }, { accounts });
    expect(decide(addition)).toMatchObject({ kind: "append", body: { value: { accountIds: [dave] } } });
  });

  test.each<[string, string, AppendBody, ErrorReason | "append"]>([
    ["a member's message", bob, text("hi"), "append"],
    ["a message of one who never was a member", dave, text("hi"), ErrorReason.CONVERSATION_NOT_FOUND],
    ["a message of one who was removed", carol, text("hi"), ErrorReason.NOT_A_MEMBER],
    ["a reply to an entry that the sender sees", bob, text("hi", 4n), "append"],
    ["a recording whose length cannot be told", bob, recording(-1), ErrorReason.INVALID_FIELD],
    ["a reply to an entry above the last", bob, text("hi", 5n), ErrorReason.REPLY_NOT_FOUND],
    ["an addition by a member", bob, { kind: "addMembers", accountIds: [dave] }, ErrorReason.ROLE_REQUIRED],
    ["an addition by the owner", alice, { kind: "addMembers", accountIds: [dave] }, "append"],
    [
      "an addition of an unknown account",
      alice,
      { kind: "addMembers", accountIds: ["nobody"] },
      ErrorReason.ACCOUNT_NOT_FOUND,
    ],
    [
      "an addition of members",
      alice,
      { kind: "addMembers", accountIds: [bob, alice] },
      ErrorReason.MEMBERSHIP_UNCHANGED,
    ],
    [
      "an addition beyond the limit",
      alice,
      { kind: "addMembers", accountIds: [carol, dave] },
      ErrorReason.MEMBER_LIMIT,
    ],
    ["a removal by a member", bob, { kind: "removeMember", accountId: alice }, ErrorReason.ROLE_REQUIRED],
    ["a removal by the owner", alice, { kind: "removeMember", accountId: bob }, "append"],
    [
      "a removal of one who is gone",
      alice,
      { kind: "removeMember", accountId: carol },
      ErrorReason.MEMBERSHIP_UNCHANGED,
    ],
    ["a removal of oneself", alice, { kind: "removeMember", accountId: alice }, ErrorReason.INVALID_FIELD],
    ["leaving as a member", bob, { kind: "leaveGroup" }, "append"],
    ["leaving twice", carol, { kind: "leaveGroup" }, ErrorReason.NOT_A_MEMBER],
    [
      "a second creation",
      alice,
      { kind: "createGroup", name: "n", memberIds: [] },
      ErrorReason.REQUEST_ID_CONFLICT,
    ],
  ])("%s in a group ends as it should", (_what, senderId, body, expected) => {
    expect(reasonOf(decide(candidate(senderId, body)))).toBe(expected);
  });

  test("a group that has no entry does not exist", () => {
    expect(reasonOf(decide(candidate(alice, text("hi")), emptyConversation(group)))).toBe(
      ErrorReason.CONVERSATION_NOT_FOUND,
    );
  });

  test("the founder is a member once, however often it is named", () => {
    const step = decide(
      candidate(alice, { kind: "createGroup", name: "n", memberIds: [bob, alice] }),
      emptyConversation(group),
    );
    expect(step).toMatchObject({ kind: "append", body: { value: { name: "n", memberIds: [alice, bob] } } });
  });

  test("a group takes its limit of members and not one more, and none who is in too many groups", () => {
    const found = (memberIds: string[], full: string[] = []): ErrorReason | string => {
      const accounts = { ...everybody, full: new Set(full) };
      return reasonOf(
        decide(
          candidate(alice, { kind: "createGroup", name: "n", memberIds }, { accounts }),
          emptyConversation(group),
        ),
      );
    };
    expect(found([bob, carol])).toBe("append");
    expect(found([bob, carol, dave])).toBe(ErrorReason.MEMBER_LIMIT);
    expect(found([bob], [alice])).toBe(ErrorReason.CONVERSATION_LIMIT);
    expect(found(["nobody"])).toBe(ErrorReason.ACCOUNT_NOT_FOUND);
  });

  test("only those who are not members yet are added, and the owner who leaves names an heir", () => {
    const addition = decide(candidate(alice, { kind: "addMembers", accountIds: [bob, dave, dave] }));
    expect(addition).toMatchObject({ body: { case: "membersAdded", value: { accountIds: [dave] } } });
    expect(decide(candidate(alice, { kind: "leaveGroup" }))).toMatchObject({
      body: { value: { newOwnerId: bob } },
    });
    expect(decide(candidate(bob, { kind: "leaveGroup" }))).toMatchObject({
      body: { value: { newOwnerId: "" } },
    });
  });

  test("a direct message needs a peer that exists, and a direct conversation is no group", () => {
    const to = { conversationId: direct, clientMessageId: uuid(1) };
    const state = emptyConversation(direct);
    const send = (
      accounts: Candidate["accounts"],
      body = text("hi"),
      senderId = alice,
    ): ErrorReason | string =>
      reasonOf(
        decide(
          { ...candidate(senderId, body), command: command({ ...to, senderId, body }), accounts },
          state,
        ),
      );
    expect(send(everybody)).toBe("append");
    expect(send({ existing: new Set([alice]), full: new Set() })).toBe(ErrorReason.ACCOUNT_NOT_FOUND);
    expect(send(everybody, { kind: "leaveGroup" })).toBe(ErrorReason.NOT_A_GROUP);
    expect(send(everybody, text("hi", 1n))).toBe(ErrorReason.REPLY_NOT_FOUND);
    expect(send(everybody, text("hi"), carol)).toBe(ErrorReason.CONVERSATION_NOT_FOUND);
    expect(send(new Fault(ErrorReason.STORE_UNAVAILABLE, "away", { retryDelayMs: 1 }))).toBe(
      ErrorReason.STORE_UNAVAILABLE,
    );
  });

  test("content is measured against its limit, with both figures told", () => {
    expect(reasonOf(decide(candidate(bob, text("hi"), { contentBytes: 100 })))).toBe("append");
    const step = decide(candidate(bob, text("hi"), { contentBytes: 101, proved: false }));
    expect(step).toMatchObject({ result: { fault: { metadata: { limit_bytes: "100", bytes: "101" } } } });
  });

  test("a rejection is proved first; with retry a void row takes the id; after a doubtful try it is never told", () => {
    const rejected = candidate(dave, text("hi"));
    expect(decide({ ...rejected, proved: false })).toEqual({ kind: "prove" });
    expect(decide({ ...rejected, command: { ...rejected.command, retry: true } })).toMatchObject({
      kind: "void",
    });
    expect(reasonOf(decide({ ...rejected, sent: true }))).toBe(ErrorReason.OUTCOME_UNKNOWN);
    expect(reasonOf(decide({ ...rejected, sent: true, proved: false }))).toBe(ErrorReason.OUTCOME_UNKNOWN);
  });

  test("an id that is settled answers as the first time, or conflicts", () => {
    const one = candidate(carol, text("hi"));
    const again = nextStep(
      groupState(),
      one,
      { kind: "settled", digest: mine, result: committed },
      appendDefaults,
    );
    expect(again).toEqual({ kind: "answer", result: committed, settled: true });
    const other = nextStep<string>(
      groupState(),
      one,
      { kind: "settled", digest: others, result: committed },
      appendDefaults,
    );
    expect(reasonOf(other)).toBe(ErrorReason.CLIENT_MESSAGE_ID_CONFLICT);
    const change = candidate(alice, { kind: "leaveGroup" });
    const changed = nextStep<string>(
      groupState(),
      change,
      { kind: "settled", digest: others, result: committed },
      appendDefaults,
    );
    expect(reasonOf(changed)).toBe(ErrorReason.REQUEST_ID_CONFLICT);
  });

  test("an id on its way is followed by the same content, and other content waits for its end", () => {
    const one = candidate(bob, text("hi"));
    const recent = { kind: "pending", digest: mine, pending: "first" } as const;
    expect(nextStep(groupState(), one, recent, appendDefaults)).toEqual({ kind: "follow", pending: "first" });
    expect(nextStep(groupState(), { ...one, digest: others }, recent, appendDefaults)).toEqual({
      kind: "wait",
    });
  });
});
