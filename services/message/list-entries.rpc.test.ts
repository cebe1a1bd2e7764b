import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EntryView, ListDirection } from "../../gen/parley/message/v1/message_service_pb.ts";
import { directConversationId, groupConversationId } from "./conversation-id.ts";
import { alice, bob, carol, ReadingWorld } from "./fixtures/reading-world.ts";
import { reasonOf } from "./fixtures/rpc-clients.ts";

const group = groupConversationId(alice, "1");
const direct = directConversationId(alice, bob);

function textsOf(entries: readonly { readonly body: { readonly case?: string | undefined } }[]): string[] {
  return entries.map((entry) => entry.body.case ?? "none");
}

describe("ListEntries", () => {
  test("gives both accounts of a direct conversation all of it, and a stranger NOT_FOUND", async () => {
    const world = new ReadingWorld();
    await world.say(direct, alice, "one", "two", "three");
    for (const account of [alice, bob]) {
      const page = await world.as(account).messages.listEntries({ conversationId: direct });
      expect(page.entries.map((entry) => entry.seq)).toEqual([1n, 2n, 3n]);
      expect(page.entries[1]?.body).toMatchObject({
        case: "message",
        value: { kind: { value: { text: "two" } } },
      });
      expect(page).toMatchObject({ nextSeq: 3n, hasMore: false });
      expect(page.head).toMatchObject({ conversationId: direct, epoch: 1n, seq: 3n });
    }
    const strangers = world.as(carol).messages.listEntries({ conversationId: direct });
    expect(await reasonOf(strangers)).toBe("CONVERSATION_NOT_FOUND");
  });

  test("knows no conversation without entries, and none with an impossible id", async () => {
    const { messages } = new ReadingWorld().as(alice);
    for (const conversationId of [direct, group, "x", `d-${bob}-${alice}`]) {
      expect(await reasonOf(messages.listEntries({ conversationId }))).toBe("CONVERSATION_NOT_FOUND");
    }
  });

  test("hides a group from one who never was a member, and shows it from the entry that added them on", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice);
    await world.say(group, alice, "before");
    expect(await reasonOf(world.as(bob).messages.listEntries({ conversationId: group }))).toBe(
      "CONVERSATION_NOT_FOUND",
    );
    await world.add(group, alice, bob);
    await world.say(group, alice, "after");
    const page = await world.as(bob).messages.listEntries({ conversationId: group });
    expect(page.entries.map((entry) => entry.seq)).toEqual([3n, 4n]);
    expect(textsOf(page.entries)).toEqual(["membersAdded", "message"]);
  });

  test("ends for one who left at the entry that says so, and goes on after they came back", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    await world.leave(group, bob);
    await world.say(group, alice, "unseen");
    const { messages } = world.as(bob);
    const left = await messages.listEntries({ conversationId: group });
    expect(left.entries.map((entry) => entry.seq)).toEqual([1n, 2n]);
    expect(left).toMatchObject({ nextSeq: 2n, hasMore: false, head: { seq: 2n } });
    await world.add(group, alice, bob);
    await world.say(group, alice, "seen");
    const back = await messages.listEntries({ conversationId: group, direction: ListDirection.BACKWARD });
    expect(back.entries.map((entry) => entry.seq)).toEqual([5n, 4n, 2n, 1n]);
    expect(back).toMatchObject({ nextSeq: 1n, hasMore: false, head: { seq: 5n } });
  });

  test("decides by effects that nobody had finished yet", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    world.withholdEffects = true;
    await world.leave(group, bob);
    await world.say(group, alice, "unseen");
    const page = await world.as(bob).messages.listEntries({ conversationId: group });
    expect(page.entries.map((entry) => entry.seq)).toEqual([1n, 2n]);
    await world.add(group, alice, carol);
    const added = await world.as(carol).messages.listEntries({ conversationId: group });
    expect(added.entries.map((entry) => entry.seq)).toEqual([4n]);
  });

  test("never shows what was appended between its reads to one who is removed meanwhile", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    world.meanwhile.readAfter = async () => {
      await world.leave(group, bob);
      await world.say(group, alice, "unseen");
    };
    const page = await world.as(bob).messages.listEntries({ conversationId: group });
    expect(page.entries.map((entry) => entry.seq)).toEqual([1n]);
  });

  test("cuts pages at 50 entries, at 500 when more is asked for, and at what is asked for", async () => {
    const world = new ReadingWorld();
    await world.say(direct, alice, ...Array.from({ length: 510 }, (_, index) => `${index}`));
    const { messages } = world.as(alice);
    const lengths = [];
    for (const pageSize of [0, 3, 501, 4_000_000_000]) {
      const page = await messages.listEntries({ conversationId: direct, pageSize });
      lengths.push(page.entries.length);
      expect(page).toMatchObject({ nextSeq: BigInt(page.entries.length), hasMore: true });
    }
    expect(lengths).toEqual([50, 3, 500, 500]);
  });

  test("ends a page before the entry that would take it above 1 MiB", async () => {
    const world = new ReadingWorld();
    const texts = Array.from({ length: 25 }, () => "x".repeat(49_000));
    await world.say(direct, alice, ...texts);
    const page = await world.as(bob).messages.listEntries({ conversationId: direct, pageSize: 500 });
    expect(page.entries.length).toBe(21);
    expect(page).toMatchObject({ nextSeq: 21n, hasMore: true });
  });

  test("leaves all but messages out of the CURRENT view and still moves on", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice);
    await world.add(group, alice, bob);
    await world.say(group, alice, "three");
    const { messages } = world.as(alice);
    const view = EntryView.CURRENT;
    const first = await messages.listEntries({ conversationId: group, view, pageSize: 2 });
    expect(first).toMatchObject({ entries: [], nextSeq: 2n, hasMore: true });
    const second = await messages.listEntries({ conversationId: group, view, seq: first.nextSeq });
    expect(textsOf(second.entries)).toEqual(["message"]);
    expect(second).toMatchObject({ nextSeq: 3n, hasMore: false });
  });

  test("pages put together are what the account may see, whatever its comings and goings", async () => {
    const steps = fc.array(fc.constantFrom("say", "come", "go"), { maxLength: 30 });
    const backward = fc.boolean();
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 6 }), backward, async (script, pageSize, down) => {
        const world = new ReadingWorld();
        await world.found(group, alice, bob);
        const expected = [1n];
        let [member, seq] = [true, 1n];
        for (const step of script) {
          if (step === "come" ? member : step === "go" && !member) continue;
          if (step === "say") await world.say(group, alice, "text");
          else if (step === "come") await world.add(group, alice, bob);
          else await world.leave(group, bob);
          seq += 1n;
          if (member || step === "come") expected.push(seq);
          member = step === "say" ? member : step === "come";
        }
        const { messages } = world.as(bob);
        const direction = down ? ListDirection.BACKWARD : ListDirection.FORWARD;
        const listed: bigint[] = [];
        let more = true;
        for (let from = 0n; more; ) {
          const page = await messages.listEntries({ conversationId: group, seq: from, direction, pageSize });
          listed.push(...page.entries.map((entry) => entry.seq));
          expect(page.head?.seq).toBe(expected.at(-1));
          [from, more] = [page.nextSeq, page.hasMore];
        }
        expect(listed).toEqual(down ? expected.toReversed() : expected);
      }),
      { numRuns: 30 },
    );
  });
});
