import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  type Entry,
  EntrySchema,
  GroupCreatedSchema,
  MembersAddedSchema,
  PositionSchema,
} from "../../../gen/parley/message/v1/entry_pb.ts";
import { DeviceStore, seenEntry } from "./device-store.ts";

const conversationId = "g-1";

function entry(seq: number, body?: Entry["body"]): Entry {
  return create(EntrySchema, { conversationId, epoch: 1n, seq: BigInt(seq), ...(body && { body }) });
}

function storeWith(...seqs: number[]): DeviceStore {
  const store = new DeviceStore("alice");
  for (const seq of seqs) store.take(entry(seq));
  return store;
}

describe("DeviceStore", () => {
  test("stores the next entry, drops an older one, and refuses to leave a gap", () => {
    const store = storeWith(1, 2);
    expect(store.take(entry(2))).toBe("dropped");
    expect(store.take(entry(4))).toBe("gap");
    expect(store.take(entry(3))).toBe("stored");
    expect(store.history("d", conversationId).entries.map(({ seq }) => seq)).toEqual([1n, 2n, 3n]);
  });

  test("stores an entry whose kind it does not know, because it moves the position", () => {
    expect(storeWith(1).take(entry(2, { case: undefined }))).toBe("stored");
  });

  test("begins a group with the entry that adds its account, and with no other", () => {
    const added = (accountIds: string[]): Entry["body"] => ({
      case: "membersAdded",
      value: create(MembersAddedSchema, { accountIds }),
    });
    const store = new DeviceStore("alice");
    expect(store.take(entry(7, added(["bob"])))).toBe("gap");
    expect(store.take(entry(7, added(["bob", "alice"])))).toBe("stored");
    expect(store.seqOf(conversationId)).toBe(7n);
    const created = create(GroupCreatedSchema, { memberIds: ["alice"] });
    expect(new DeviceStore("alice").take(entry(1, { case: "groupCreated", value: created }))).toBe("stored");
  });

  test("names what it holds when it opens, and forgets what was rewound", () => {
    const store = storeWith(1, 2, 3);
    store.rewind(create(PositionSchema, { conversationId, epoch: 2n, seq: 1n }));
    const [position] = store.positions();
    expect([position?.conversationId, position?.epoch, position?.seq]).toEqual([conversationId, 2n, 1n]);
    expect(store.take(entry(2))).toBe("stored");
    expect(store.history("d", conversationId).entries).toHaveLength(2);
  });

  test("knows nothing of a conversation that it never heard of", () => {
    expect(storeWith().seqOf("other")).toBe(0n);
    expect(storeWith().history("d", "other").entries).toEqual([]);
    expect(storeWith().positions()).toEqual([]);
  });
});

describe("seenEntry", () => {
  test("has the text of a text message and of nothing else", () => {
    const text = { kind: { case: "text", value: { text: "hello" } } } as const;
    const message = create(EntrySchema, { body: { case: "message", value: text } });
    expect(seenEntry(message).text).toBe("hello");
    expect(seenEntry(entry(1)).text).toBeUndefined();
  });
});
