import type { StoreRows } from "../copy/collections.ts";
import {
  alice,
  bob,
  carol,
  direct,
  entryRow,
  group,
  headRow,
  memberRow,
  otherGroup,
} from "./message-rows.ts";

/** Rows of every collection, in the order of their keys, with the extremes of each field. */
export const copyRows: { readonly [Name in keyof StoreRows]: readonly StoreRows[Name][] } = {
  account: [alice, bob, carol].map((accountId, index) => ({
    accountId,
    handle: `handle-${index}`,
    displayName: index === 0 ? "" : `Ünï "${index}"\u0000\u{1f600}`,
    passwordHash: `$argon2id$${index}`,
    version: 2n ** 62n + BigInt(index),
    createTimeMs: 1_700_000_000_000 + index,
    requestId: `00000000-0000-4000-8000-00000000000${index}`,
  })),
  device: ["dv000000000001", "dv000000000002", "dv000000000003"].map((deviceId, index) => ({
    deviceId,
    accountId: alice,
    displayName: "",
    createTimeMs: 1_700_000_000_000,
    activeTimeMs: index,
    loginCount: index,
    refreshCount: 2 ** 40 + index,
    openRefreshHashes: Array.from({ length: index }, (_, at) => new Uint8Array(32).fill(at + 1)),
    previousRefreshHash: index === 1 ? new Uint8Array(0) : new Uint8Array(32).fill(255),
    refreshExpireMs: 1_800_000_000_000,
    revoked: index === 2,
    version: BigInt(index),
  })),
  signing_key: [0, 1].map((rank) => ({
    rank,
    keyId: `k-${9 - rank}`,
    privateKey: `private ${rank}\n`,
    publicKey: `public ${rank}\n`,
    createTimeMs: 1_700_000_000_000 - rank,
  })),
  secret_key: ["entry-digest", "refresh-token", "resume.ticket"].map((name, index) => ({
    name,
    key: new Uint8Array(32).fill(index),
  })),
  id_slot: [0, 2, 10, 1_023].map((slot) => ({ slot, mark: 2n ** 61n + BigInt(slot) })),
  generation: [alice, bob, carol].map((accountId, index) => ({
    accountId,
    deviceId: "dv000000000001",
    generation: 2n ** 33n + BigInt(index),
  })),
  entry: [
    entryRow(direct, -77n, { clientMessageId: "rejected" }),
    entryRow(direct, 1n, { hasEffects: true, bytes: new Uint8Array(0) }),
    entryRow(direct, 9n),
    entryRow(direct, 10n, { epoch: 2n ** 62n, entryId: 2n ** 63n - 1n }),
    entryRow(group, 1n, { senderId: "" }),
    entryRow(otherGroup, 1n, { bytes: Uint8Array.from({ length: 256 }, (_, index) => index) }),
  ],
  head: [
    headRow(direct, { headSeq: 2n ** 62n, memberLow: alice, memberHigh: bob }),
    headRow(group, { changeTimeMs: 0 }),
    headRow(otherGroup),
  ],
  membership: [
    memberRow(group, alice, { role: "owner" }),
    memberRow(group, bob, {
      intervals: [
        { from: 0n, to: 5n },
        { from: 2n ** 40n, to: undefined },
      ],
    }),
    memberRow(otherGroup, alice, { intervals: [], seenSeq: 2n ** 62n }),
  ],
  conversation_group: [group, otherGroup].map((conversationId, index) => ({
    conversationId,
    name: index === 0 ? "" : "Group ünder",
    createTimeMs: 1_700_000_000_000,
  })),
  personal: [
    { accountId: alice, conversationId: direct, readSeq: 0n, readOrdinal: 0n, muteEndMs: 0, version: 1n },
    {
      accountId: alice,
      conversationId: group,
      readSeq: 5n,
      readOrdinal: 4n,
      muteEndMs: 2 ** 45,
      version: 2n,
    },
    {
      accountId: bob,
      conversationId: direct,
      readSeq: 2n ** 62n,
      readOrdinal: 1n,
      muteEndMs: 1,
      version: 3n,
    },
  ],
  epoch_head: [
    { conversationId: direct, epoch: 2n, head: 0n },
    { conversationId: direct, epoch: 10n, head: 2n ** 62n },
    { conversationId: group, epoch: 9n, head: 3n },
  ],
  epoch_mark: [{ epoch: 10n, tick: 2n ** 40n, lineage: [1n, 2n, 10n] }],
};
