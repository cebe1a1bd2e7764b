import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Entry } from "../../gen/parley/message/v1/entry_pb.ts";
import {
  changeMembers,
  type EffectEntry,
  hasEffects,
  heirOf,
  isMember,
  type MemberTable,
  movedAccounts,
  sees,
} from "./effects.ts";
import { entryBody } from "./fixtures/bodies.ts";

const people = ["alice", "bob", "carol"];

function apply(members: MemberTable, entry: EffectEntry): MemberTable {
  return new Map([...members, ...changeMembers(members, entry)]);
}

const created = (seq: bigint, memberIds: string[]): EffectEntry => ({
  seq,
  senderId: memberIds[0] ?? "",
  body: entryBody({ case: "groupCreated", value: { name: "n", memberIds } }),
});
const added = (seq: bigint, accountIds: string[]): EffectEntry => ({
  seq,
  senderId: "alice",
  body: entryBody({ case: "membersAdded", value: { accountIds } }),
});
const removed = (seq: bigint, accountId: string): EffectEntry => ({
  seq,
  senderId: "alice",
  body: entryBody({ case: "memberRemoved", value: { accountId } }),
});
const left = (seq: bigint, senderId: string, newOwnerId = ""): EffectEntry => ({
  seq,
  senderId,
  body: entryBody({ case: "memberLeft", value: { newOwnerId } }),
});

describe("effects of entries on members", () => {
  test("those who found a group see it from its first entry, and the founder owns it", () => {
    const members = apply(new Map(), created(1n, ["alice", "bob"]));
    expect(members.get("alice")).toEqual({
      intervals: [{ from: 0n, to: undefined }],
      role: "owner",
      seenSeq: 1n,
    });
    expect(members.get("bob")?.role).toBe("member");
  });

  test("the entry that adds is the first one seen, the entry that removes the last one", () => {
    let members = apply(apply(new Map(), created(1n, ["alice"])), added(5n, ["bob"]));
    members = apply(members, removed(9n, "bob"));
    const intervals = members.get("bob")?.intervals ?? [];
    expect([4n, 5n, 9n, 10n].map((seq) => sees(intervals, seq))).toEqual([false, true, true, false]);
    expect(isMember(members.get("bob"))).toBe(false);
  });

  test("one who comes back sees a second interval and not what lies between", () => {
    let members = apply(apply(new Map(), created(1n, ["alice", "bob"])), left(3n, "bob"));
    members = apply(members, added(7n, ["bob"]));
    expect(members.get("bob")?.intervals).toEqual([
      { from: 0n, to: 3n },
      { from: 6n, to: undefined },
    ]);
  });

  test("when the owner leaves, the member of longest standing becomes the owner", () => {
    let members = apply(apply(new Map(), created(1n, ["alice"])), added(2n, ["carol"]));
    members = apply(members, added(3n, ["bob"]));
    expect(heirOf(members, "alice")).toBe("carol");
    members = apply(members, left(4n, "alice", "carol"));
    expect(members.get("carol")).toMatchObject({ role: "owner", seenSeq: 4n });
    expect(members.get("alice")).toMatchObject({ role: "member" });
    expect(isMember(members.get("alice"))).toBe(false);
  });

  test("among members of equal standing the lower id inherits, and nobody does from the last one", () => {
    const members = apply(new Map(), created(1n, ["carol", "bob", "alice"]));
    expect(heirOf(members, "carol")).toBe("alice");
    expect(heirOf(apply(new Map(), created(1n, ["alice"])), "alice")).toBe("");
  });

  test("a message changes no rows, and neither does a body that this node does not know", () => {
    const message = entryBody({ case: "message", value: {} });
    const unknown: Entry["body"] = { case: undefined };
    for (const body of [message, unknown]) {
      expect(hasEffects(body)).toBe(false);
      expect(movedAccounts({ seq: 2n, senderId: "alice", body })).toEqual([]);
    }
    expect(hasEffects(left(1n, "alice").body)).toBe(true);
  });

  test("entries run twice, or from any earlier one again, come to the same rows", () => {
    const step = fc.record({
      kind: fc.constantFrom("add", "remove", "leave"),
      who: fc.constantFrom(...people),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.nat(), (steps, from) => {
        const entries = [created(1n, ["alice"])];
        let members = apply(new Map(), created(1n, ["alice"]));
        for (const { kind, who } of steps) {
          const seq = BigInt(entries.length + 1);
          const isIn = isMember(members.get(who));
          if ((kind === "add") === isIn) continue;
          const change = {
            add: added(seq, [who]),
            remove: removed(seq, who),
            leave: left(seq, who, heirOf(members, who)),
          };
          entries.push(change[kind]);
          members = apply(members, change[kind]);
        }
        const again = entries.slice(from % entries.length).reduce(apply, members);
        expect(again).toEqual(members);
      }),
    );
  });
});
