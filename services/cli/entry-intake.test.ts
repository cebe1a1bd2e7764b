import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { type Entry, EntrySchema } from "../../gen/parley/message/v1/entry_pb.ts";
import { intakeOf } from "./entry-intake.ts";
import { entryText } from "./entry-text.ts";

type Body = NonNullable<Exclude<MessageInitShape<typeof EntrySchema>, Entry>["body"]>;

function entry(seq: bigint, body?: Body): Entry {
  return create(EntrySchema, { conversationId: "g-1", seq, senderId: "1", ...(body && { body }) });
}

const text = { case: "message", value: { kind: { case: "text", value: { text: "hi" } } } } as const;

describe("intake", () => {
  test.each([
    { held: 0n, seq: 1n, intake: "store" },
    { held: 5n, seq: 6n, intake: "store" },
    { held: 5n, seq: 5n, intake: "drop" },
    { held: 5n, seq: 1n, intake: "drop" },
    { held: 5n, seq: 7n, intake: "gap" },
    { held: 0n, seq: 2n, intake: "gap" },
  ])("of $seq while $held is held is $intake", ({ held, seq, intake }) => {
    expect(intakeOf(entry(seq, text), held, "me")).toBe(intake);
  });

  test("stores the entry that adds oneself at any seq, and no other's", () => {
    const added = entry(40n, { case: "membersAdded", value: { accountIds: ["me", "other"] } });
    expect(intakeOf(added, 0n, "me")).toBe("store");
    expect(intakeOf(added, 0n, "third")).toBe("gap");
    expect(intakeOf(added, 40n, "me")).toBe("drop");
    const created = entry(1n, { case: "groupCreated", value: { name: "x", memberIds: ["me"] } });
    expect(intakeOf(created, 0n, "me")).toBe("store");
  });

  test("moves on over an entry of a kind that it does not know", () => {
    expect(intakeOf(entry(6n), 5n, "me")).toBe("store");
  });
});

const shownEntries: readonly { readonly body: Body | undefined; readonly line: string }[] = [
  { body: text, line: "<1>: hi" },
  {
    body: {
      case: "message",
      value: { kind: { case: "image", value: { data: new Uint8Array(3), mediaType: "image/png" } } },
    },
    line: "<1>: [image, image/png, 3 bytes]",
  },
  {
    body: {
      case: "message",
      value: { kind: { case: "voiceClip", value: { data: new Uint8Array(2), mediaType: "audio/ogg" } } },
    },
    line: "<1>: [voice clip, audio/ogg, 2 bytes]",
  },
  {
    body: { case: "message", value: { kind: { case: "file", value: { fileId: "f", name: "notes.txt" } } } },
    line: "<1>: [file notes.txt]",
  },
  {
    body: {
      case: "message",
      value: { kind: { case: "custom", value: { typeName: "order.v1", payload: new Uint8Array(1) } } },
    },
    line: "<1>: [order.v1, 1 bytes]",
  },
  {
    body: { case: "message", value: {} },
    line: "<1>: [a kind of message that this version of the command does not know]",
  },
  {
    body: { case: "groupCreated", value: { name: "Us", memberIds: [] } },
    line: '* <1> created the group "Us"',
  },
  { body: { case: "membersAdded", value: { accountIds: ["2", "3"] } }, line: "* <1> added <2>, <3>" },
  { body: { case: "memberRemoved", value: { accountId: "2" } }, line: "* <1> removed <2>" },
  { body: { case: "memberLeft", value: {} }, line: "* <1> left" },
  { body: undefined, line: "* <1> did something that this version of the command does not know" },
];

describe("entries for people", () => {
  const names = (id: string): Promise<string> => Promise.resolve(`<${id}>`);

  test.each(shownEntries)("read $line", async ({ body, line }) => {
    const shown = { ...entry(7n, body), createTime: timestampFromMs(3_723_000) };
    expect(await entryText(shown, names)).toBe(`01:02:03  g-1#7  ${line}`);
  });
});
