import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { type Entry, EntrySchema } from "../../../gen/parley/message/v1/entry_pb.ts";
import { FakeClock } from "../../testkit/fake-clock.ts";
import { DemoJournal, type MessageTrace } from "./demo-journal.ts";
import type { DemoPerson } from "./demo-person.ts";

const conversationId = "d-a-b";
const alice: DemoPerson = { handle: "alice", accountId: "a", deviceId: "da", accessToken: "" };
const bob: DemoPerson = { handle: "bob", accountId: "b", deviceId: "db", accessToken: "" };

function setUp() {
  const clock = new FakeClock();
  const traces: MessageTrace[] = [];
  const journal = new DemoJournal(clock, conversationId, (trace) => traces.push(trace));
  return { clock, traces, journal };
}

function entry(clientMessageId: string, seq: bigint): Entry {
  return create(EntrySchema, {
    conversationId,
    clientMessageId,
    seq,
    entryId: `e${seq}`,
    senderId: "a",
    messageOrdinal: seq,
    body: { case: "message", value: { kind: { case: "text", value: { text: "hello" } } } },
  });
}

function acknowledged(seq: bigint) {
  return { kind: "acknowledged", seq, entryId: `e${seq}` } as const;
}

test("a message's way ends when it is acknowledged and both have stored it", async () => {
  const { clock, traces, journal } = setUp();
  journal.made(alice, "m1", "hello");
  const startMs = clock.monotonicMs();
  journal.tried("m1");
  await clock.advance(5);
  journal.stored(bob, entry("m1", 1n));
  await clock.advance(5);
  journal.tried("m1");
  journal.settled("m1", acknowledged(1n));
  expect([traces.length, journal.underWay]).toEqual([0, 1]);
  journal.stored(alice, entry("m1", 1n));
  expect(traces).toEqual([
    {
      handle: "alice",
      text: "hello",
      sentMs: startMs,
      tries: 2,
      outcome: { kind: "acknowledged", seq: 1n, acknowledgedMs: startMs + 10, receivedMs: startMs + 5 },
    },
  ]);
  expect(journal.underWay).toBe(0);
});

test("ways are told in the order in which the messages were made, whatever ends first", async () => {
  const { traces, journal } = setUp();
  for (const id of ["m1", "m2", "m3"]) {
    journal.made(alice, id, id);
    journal.tried(id);
  }
  let ended = false;
  const all = journal.allEnded().then(() => {
    ended = true;
  });
  journal.settled("m2", { kind: "rejected", reason: "INVALID_FIELD" });
  for (const person of [alice, bob]) journal.stored(person, entry("m3", 2n));
  journal.settled("m3", acknowledged(2n));
  expect([traces, ended]).toEqual([[], false]);
  for (const person of [alice, bob]) journal.stored(person, entry("m1", 1n));
  journal.settled("m1", acknowledged(1n));
  expect(traces.map(({ text, outcome }) => [text, outcome.kind])).toEqual([
    ["m1", "acknowledged"],
    ["m2", "rejected"],
    ["m3", "acknowledged"],
  ]);
  await all;
  await journal.allEnded();
});

test("the history for the checkers names every send with its place among its sender's, and what each device stored", async () => {
  const { clock, journal } = setUp();
  for (const [person, id] of [
    [alice, "m1"],
    [bob, "m2"],
    [alice, "m3"],
  ] as const) {
    journal.made(person, id, id);
  }
  const startMs = clock.monotonicMs();
  journal.tried("m1");
  await clock.advance(3);
  journal.settled("m1", acknowledged(1n));
  journal.settled("m2", { kind: "rejected", reason: "R" });
  journal.stored(bob, entry("m1", 1n));
  journal.stored(bob, entry("m1", 1n));
  expect(journal.sends()).toMatchObject([
    {
      clientMessageId: "m1",
      senderId: "a",
      lane: "da",
      laneIndex: 0,
      beganMs: startMs,
      tries: 1,
      outcome: { kind: "acknowledged", seq: 1n, entryId: "e1", endedMs: startMs + 3 },
    },
    {
      clientMessageId: "m2",
      senderId: "b",
      lane: "db",
      laneIndex: 0,
      outcome: { kind: "rejected", reason: "R" },
    },
    { clientMessageId: "m3", lane: "da", laneIndex: 1, tries: 0, outcome: { kind: "open" } },
  ]);
  // Twice stored stays twice: that is for the checkers to see.
  expect(journal.observer(bob)).toMatchObject({
    deviceId: "bob's device",
    entries: [{ seq: 1n }, { seq: 1n }],
  });
  expect(journal.observer(alice).entries).toEqual([]);
});

test("what is said of a message that nobody made changes nothing", () => {
  const { traces, journal } = setUp();
  journal.tried("x");
  journal.settled("x", acknowledged(1n));
  expect([traces, journal.sends()]).toEqual([[], []]);
});
