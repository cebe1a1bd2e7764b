import { create, equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EntrySchema } from "../../gen/parley/message/v1/entry_pb.ts";
import { ServerFrameSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { encodeEntryEvent, encodeNoticeEvent } from "./event-bytes.ts";
import type { EntryBody } from "./fixtures/feed-world.ts";
import { decodeMembershipChange } from "./membership-change.ts";

test("an entry of any length comes back out of a frame as it was", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 90, 127, 128, 16_000, 16_384, 70_000),
      fc.string(),
      (length, senderId) => {
        const text = "x".repeat(length);
        const body = { case: "message", value: { kind: { case: "text", value: { text } } } } as const;
        const entry = create(EntrySchema, { conversationId: "g-1", seq: 7n, senderId, body });
        const bytes = encodeEntryEvent(toBinary(EntrySchema, entry));
        const frame = fromBinary(ServerFrameSchema, bytes);
        const [event] = frame.events;
        expect(frame.events.length).toBe(1);
        expect(event?.kind.case === "entry" && equals(EntrySchema, event.kind.value, entry)).toBe(true);
        // What generated code would write, to the byte.
        expect(Buffer.compare(toBinary(ServerFrameSchema, frame), bytes)).toBe(0);
      },
    ),
  );
});

test("encoded events stand one behind the other in a frame", () => {
  const entry = toBinary(EntrySchema, create(EntrySchema, { conversationId: "g-1", seq: 1n }));
  const behind = encodeNoticeEvent("behind", { conversationId: "g-2", epoch: 1n, seq: 600n });
  const rewound = encodeNoticeEvent("rewound", { conversationId: "g-3", epoch: 300n, seq: 0n });
  const frame = fromBinary(ServerFrameSchema, Buffer.concat([encodeEntryEvent(entry), behind, rewound]));
  expect(frame.events.map(({ kind }) => kind.case)).toEqual(["entry", "behind", "rewound"]);
  expect(frame.events[1]?.kind.value).toMatchObject({ conversationId: "g-2", epoch: 1n, seq: 600n });
  expect(frame.events[2]?.kind.value).toMatchObject({ conversationId: "g-3", epoch: 300n, seq: 0n });
});

const changes: readonly { body: EntryBody; added: string[]; removed: string[] }[] = [
  { body: { case: "groupCreated", value: { memberIds: ["a", "b"] } }, added: ["a", "b"], removed: [] },
  { body: { case: "membersAdded", value: { accountIds: ["c"] } }, added: ["c"], removed: [] },
  { body: { case: "memberRemoved", value: { accountId: "d" } }, added: [], removed: ["d"] },
  { body: { case: "memberLeft", value: {} }, added: [], removed: ["sender"] },
];

test.each(changes)("a $body.case entry says who belongs to the group", ({ body, added, removed }) => {
  const entry = create(EntrySchema, { senderId: "sender", body });
  const change = decodeMembershipChange(toBinary(EntrySchema, entry));
  expect([[...(change?.added ?? [])], [...(change?.removed ?? [])]]).toEqual([added, removed]);
});

test("a message, and an entry of a kind that is not known, change no membership", () => {
  const text = create(EntrySchema, { body: { case: "message", value: {} } });
  expect(decodeMembershipChange(toBinary(EntrySchema, text))).toBeUndefined();
  expect(decodeMembershipChange(toBinary(EntrySchema, create(EntrySchema, {})))).toBeUndefined();
});
