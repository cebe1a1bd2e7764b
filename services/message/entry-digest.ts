import { createHmac, createSecretKey } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { ContentSchema } from "../../gen/parley/message/v1/content_pb.ts";
import { type Entry, EntrySchema } from "../../gen/parley/message/v1/entry_pb.ts";
import type { Rng } from "../kernel/rng.ts";
import type { SecretKeyStore } from "../kernel/secret-keys.ts";
import type { AppendBody } from "./append-command.ts";

/** The name of the key, which never changes: digests made years apart must agree. */
export const entryDigestKeyName = "entry-digest";

/** What a command asks for, in a form that tells a repetition from a conflict. */
export interface BodyDigest {
  /** HMAC-SHA-256, 32 bytes. */
  readonly digest: Uint8Array;
  /** Bytes of the encoded content of a message; 0 for anything else. */
  readonly contentBytes: number;
}

/**
 * Digests of what was *asked for*, not of the entry that came of it: the entry of a repeated "add members" would leave out
 * those who are members already. The kind is part of it, the `retry` flag is not.
 */
export type EntryDigest = (body: AppendBody) => BodyDigest;

/** Reads or makes the key. Rejects as the store does. */
export async function loadEntryDigest(keys: SecretKeyStore, rng: Rng): Promise<EntryDigest> {
  // Made once: a key from raw bytes costs five times as much as the digest itself, at each send.
  const key = createSecretKey(await keys.readOrCreate(entryDigestKeyName, rng.bytes(32)));
  return (body) => {
    const encoded =
      body.kind === "message" ? toBinary(ContentSchema, body.content) : toBinary(EntrySchema, asked(body));
    const digest = createHmac("sha256", key).update(`${body.kind}\0`).update(encoded).digest();
    return { digest: new Uint8Array(digest), contentBytes: body.kind === "message" ? encoded.length : 0 };
  };
}

/** A group change is encoded as the entry body that it would be if it were granted as asked. */
function asked(body: Exclude<AppendBody, { kind: "message" }>): Entry {
  switch (body.kind) {
    case "createGroup": {
      const value = { name: body.name, memberIds: [...body.memberIds] };
      return create(EntrySchema, { body: { case: "groupCreated", value } });
    }
    case "addMembers":
      return create(EntrySchema, {
        body: { case: "membersAdded", value: { accountIds: [...body.accountIds] } },
      });
    case "removeMember":
      return create(EntrySchema, { body: { case: "memberRemoved", value: { accountId: body.accountId } } });
    case "leaveGroup":
      return create(EntrySchema, { body: { case: "memberLeft", value: {} } });
  }
}

/** Whether two digests are of the same content. */
export function sameDigest(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
