import type { EntryLogStore, HeadRow, HeadStore, MemberRow, MembershipStore } from "../message/ports.ts";
import { everything, type Intervals, internIntervals } from "./cursor.ts";
import type { FeedLimits } from "./feed-limits.ts";
import type { EffectSettler } from "./ports.ts";

/** What reading standings needs. */
export interface StandingReaders {
  readonly entries: Pick<EntryLogStore, "readLast">;
  readonly heads: Pick<HeadStore, "read">;
  readonly memberships: Pick<MembershipStore, "read">;
  readonly effects: EffectSettler;
  readonly limits: FeedLimits;
}

/** A conversation in which a cursor is to be placed. */
export interface Wanted {
  readonly conversationId: string;
  readonly isGroup: boolean;
  /** What the device says it holds; 0 when it says nothing. */
  readonly heldSeq: bigint;
  /** An entry that is known to be committed, by an event; 0 when none is. */
  readonly knownSeq: bigint;
}

/** What an account may see of a conversation. */
export interface Standing {
  readonly head: bigint;
  /** Of the membership row, which shows every change up to `head` at least; empty when there is no row. */
  readonly intervals: Intervals;
}

/**
 * Reads the standing of an account in conversations, in the order that makes them right: heads; then the effects are
 * finished up to the larger of head and what is held; then membership rows, and they decide. `learnHead` is called
 * with each head as soon as it is known, and answers with a higher one if somebody knows it; rows are then good up to
 * there. A conversation that the account may not see has no intervals.
 * Rejects when a read does.
 */
export async function readStandings(
  readers: StandingReaders,
  accountId: string,
  wanted: readonly Wanted[],
  learnHead: (conversationId: string, head: bigint) => bigint,
): Promise<Map<string, Standing>> {
  const standings = new Map<string, Standing>();
  for (const chunk of chunksOf(wanted, readers.limits.idsPerReadMax)) {
    const heads = await readHeads(readers, chunk);
    for (const [conversationId, read] of heads) {
      heads.set(conversationId, { ...read, head: learnHead(conversationId, read.head) });
    }
    await settle(readers, chunk, heads);
    const rows = await readRows(readers, accountId, chunk);
    for (const { conversationId, isGroup } of chunk) {
      const head = heads.get(conversationId)?.head ?? 0n;
      const intervals = isGroup ? internIntervals(rows.get(conversationId)?.intervals ?? []) : everything;
      standings.set(conversationId, { head, intervals });
    }
  }
  return standings;
}

interface Head {
  readonly head: bigint;
  readonly appliedSeq: bigint;
}

/** Heads from their rows; where more is held than the row says, the log itself is asked, for rows may lag. */
async function readHeads(readers: StandingReaders, chunk: readonly Wanted[]): Promise<Map<string, Head>> {
  const rows = new Map<string, HeadRow>();
  for (const row of await readers.heads.read(idsOf(chunk))) rows.set(row.conversationId, row);
  const doubtful = chunk.filter((one) => one.heldSeq > headOf(one, rows.get(one.conversationId)));
  const last = await readLastSeqs(readers, doubtful);
  const heads = new Map<string, Head>();
  for (const one of chunk) {
    const row = rows.get(one.conversationId);
    const head = maxOf(headOf(one, row), last.get(one.conversationId) ?? 0n);
    heads.set(one.conversationId, { head, appliedSeq: row?.appliedSeq ?? 0n });
  }
  return heads;
}

function headOf(one: Wanted, row: HeadRow | undefined): bigint {
  return maxOf(one.knownSeq, row?.headSeq ?? 0n);
}

async function readLastSeqs(
  readers: StandingReaders,
  doubtful: readonly Wanted[],
): Promise<Map<string, bigint>> {
  const seqs = new Map<string, bigint>();
  for (const chunk of chunksOf(doubtful, readers.limits.lastRowsPerReadMax)) {
    for (const row of await readers.entries.readLast(idsOf(chunk))) seqs.set(row.conversationId, row.seq);
  }
  return seqs;
}

/** Membership rows are the only effects that matter here, so direct conversations have nothing to finish. */
async function settle(
  readers: StandingReaders,
  chunk: readonly Wanted[],
  heads: ReadonlyMap<string, Head>,
): Promise<void> {
  const open = chunk.filter(({ conversationId, isGroup }) => {
    const head = heads.get(conversationId);
    return isGroup && head !== undefined && head.appliedSeq < head.head;
  });
  if (open.length > 0) await readers.effects.settle(idsOf(open));
}

async function readRows(
  readers: StandingReaders,
  accountId: string,
  chunk: readonly Wanted[],
): Promise<Map<string, MemberRow>> {
  const groups = chunk.filter(({ isGroup }) => isGroup);
  const rows = new Map<string, MemberRow>();
  if (groups.length === 0) return rows;
  for (const row of await readers.memberships.read(idsOf(groups), accountId))
    rows.set(row.conversationId, row);
  return rows;
}

function idsOf(chunk: readonly Wanted[]): string[] {
  return chunk.map(({ conversationId }) => conversationId);
}

function maxOf(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

function* chunksOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
