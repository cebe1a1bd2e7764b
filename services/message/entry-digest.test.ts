import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ContentSchema } from "../../gen/parley/message/v1/content_pb.ts";
import { createMemorySecretKeyStore } from "../store/memory/secret-key.ts";
import { seededRng } from "../testkit/seeded-rng.ts";
import type { AppendBody } from "./append-command.ts";
import { loadEntryDigest, sameDigest } from "./entry-digest.ts";
import { text } from "./fixtures/append-world.ts";

describe("the digest of an entry", () => {
  test("is the same on every node of a store, and another with another key", async () => {
    const keys = createMemorySecretKeyStore();
    const one = await loadEntryDigest(keys, seededRng(1));
    const other = await loadEntryDigest(keys, seededRng(2));
    const stranger = await loadEntryDigest(createMemorySecretKeyStore(), seededRng(3));
    const { digest } = one(text("hi"));
    expect(digest).toHaveLength(32);
    expect(sameDigest(digest, other(text("hi")).digest)).toBe(true);
    expect(sameDigest(digest, stranger(text("hi")).digest)).toBe(false);
  });

  test("tells any two different wishes apart", async () => {
    const digest = await loadEntryDigest(createMemorySecretKeyStore(), seededRng(1));
    const bodies: AppendBody[] = [
      text("hi"),
      text("hi", 1n),
      text("ho"),
      { kind: "createGroup", name: "n", memberIds: ["a"] },
      { kind: "createGroup", name: "n", memberIds: ["b"] },
      { kind: "addMembers", accountIds: ["a"] },
      { kind: "addMembers", accountIds: ["a", "b"] },
      { kind: "removeMember", accountId: "a" },
      { kind: "leaveGroup" },
    ];
    const digests = bodies.map((body) => Buffer.from(digest(body).digest).toString("hex"));
    expect(new Set(digests).size).toBe(bodies.length);
  });

  test("covers fields that this node does not know, and counts their bytes", async () => {
    const digest = await loadEntryDigest(createMemorySecretKeyStore(), seededRng(1));
    const plain = create(ContentSchema, { kind: { case: "text", value: { text: "hi" } } });
    const unknownField = [0xf8, 0x3f, 0x01];
    const newer = fromBinary(
      ContentSchema,
      new Uint8Array([...toBinary(ContentSchema, plain), ...unknownField]),
    );
    const [one, other] = [plain, newer].map((content) => digest({ kind: "message", content }));
    expect(sameDigest(one?.digest ?? new Uint8Array(), other?.digest ?? new Uint8Array())).toBe(false);
    expect((other?.contentBytes ?? 0) - (one?.contentBytes ?? 0)).toBe(unknownField.length);
  });
});
