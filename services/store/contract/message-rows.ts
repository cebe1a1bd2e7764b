import type { EntryRow, HeadRow, MemberRow } from "../../message/ports.ts";

export const alice = "a000000000001";
export const bob = "a000000000002";
export const carol = "a000000000003";
export const group = `g-${"1".repeat(32)}`;
export const otherGroup = `g-${"2".repeat(32)}`;
export const direct = `d-${alice}-${bob}`;

/** An entry row with a client id and bytes that follow from its conversation and seq. */
export function entryRow(conversationId: string, seq: bigint, changes: Partial<EntryRow> = {}): EntryRow {
  return {
    conversationId,
    seq,
    epoch: 1n,
    messageOrdinal: seq,
    entryId: seq < 0n ? -seq : 1_000n + seq,
    senderId: alice,
    clientMessageId: `id ${seq}`,
    digest: new Uint8Array(32).fill(Number(BigInt.asUintN(8, seq))),
    hasEffects: false,
    createTimeMs: 1_700_000_000_000 + Number(BigInt.asUintN(16, seq)),
    bytes: new TextEncoder().encode(`${conversationId} ${seq}`),
    ...changes,
  };
}

export function headRow(conversationId: string, changes: Partial<HeadRow> = {}): HeadRow {
  return {
    conversationId,
    headSeq: 1n,
    messageOrdinal: 1n,
    appliedSeq: 1n,
    changeTimeMs: 1_700_000_000_000,
    memberLow: "",
    memberHigh: "",
    ...changes,
  };
}

export function memberRow(
  conversationId: string,
  accountId: string,
  changes: Partial<MemberRow> = {},
): MemberRow {
  return {
    conversationId,
    accountId,
    intervals: [{ from: 0n, to: undefined }],
    role: "member",
    seenSeq: 1n,
    version: 1n,
    ...changes,
  };
}
