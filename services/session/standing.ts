import type {
  EntryLogStore,
  EpochHeadStore,
  HeadRow,
  HeadStore,
  MemberRow,
  MembershipStore,
} from "../message/ports.ts";
import { everything, type Intervals, internIntervals } from "./cursor.ts";
import type { FeedLimits } from "./feed-limits.ts";
import type { EffectSettler, EpochSource } from "./ports.ts";

/** What reading standings needs. */
export interface StandingReaders {
  readonly entries: Pick<EntryLogStore, "readLast">;
  readonly heads: Pick<HeadStore, "read">;
  readonly memberships: Pick<MembershipStore, "read">;
  readonly effects: EffectSettler;
  readonly epochs: EpochSource;
  readonly epochHeads: Pick<EpochHeadStore, "lowestAbove">;
  readonly limits: FeedLimits;
}

/** A conversation in which a cursor is to be placed. */
export interface Wanted {
  readonly conversationId: string;
  readonly isGroup: boolean;
  /** What the device says it holds; 0 when it says nothing. */
  readonly heldSeq: bigint;
  /** The epoch of what it holds; the store's own when it says nothing. */
  readonly heldEpoch?: bigint | undefined;
  /** An entry that is known to be committed, by an event; 0 when none is. */
  readonly knownSeq: bigint;
}

/** What an account may see of a conversation. */
export interface Standing {
  readonly head: bigint;
  /** Of the membership row, which shows every change up to `head` at least; empty when there is no row. */
  readonly intervals: Intervals;
  /** What the device holds above this was undone, since it is of another epoch; unset for a position of this one. */
  readonly undoneAbove: bigint | undefined;
}

/**
 * Reads the standing of an account in conversations, in the order that makes them right: heads; then the effects are
 * finished up to the larger of head and what is held; then membership rows, and they decide. `learnHead` is called
 * with each head as soon as it is known, and answers with a higher one if somebody knows it; rows are then good up to
 * there. A conversation that the account may not see has no intervals. For positions of other epochs the recorded heads
 * are read after the heads, see `soundUpTo`.
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
    const recorded = await readEpochHeads(readers, chunk);
    await settle(readers, chunk, heads);
    const rows = await readRows(readers, accountId, chunk);
    for (const one of chunk) {
      const { conversationId, isGroup } = one;
      const head = heads.get(conversationId)?.head ?? 0n;
      const undoneAbove = soundUpTo(readers, one, { head, recorded: recorded.get(conversationId) });
      const intervals = isGroup ? internIntervals(rows.get(conversationId)?.intervals ?? []) : everything;
      standings.set(conversationId, { head, intervals, undoneAbove });
    }
  }
  return standings;
}

/**
 * Up to where the log is the same as in an earlier epoch: the lowest head at which a later epoch began in this
 * conversation. 0 for an epoch that is not of the store's history, of whose logs nothing is known; undefined for this one.
 * Where no head was recorded nobody has appended since the epoch was raised, so the log ends where it was put
 * back to. That rests on the order of the reads: first the head, then the records. Whoever appends records before, so a
 * head that holds an entry of a later epoch is never read without its record; the other way round it could be.
 */
function soundUpTo(
  { epochs }: StandingReaders,
  { heldEpoch }: Wanted,
  { head, recorded }: { readonly head: bigint; readonly recorded: bigint | undefined },
): bigint | undefined {
  if (heldEpoch === undefined || heldEpoch === epochs.current()) return undefined;
  if (!epochs.isOwn(heldEpoch)) return 0n;
  return recorded === undefined || head < recorded ? head : recorded;
}

/** The recorded heads above the epochs of positions: one read for each epoch that a device still names. */
async function readEpochHeads(
  readers: StandingReaders,
  chunk: readonly Wanted[],
): Promise<Map<string, bigint>> {
  const recorded = new Map<string, bigint>();
  const current = readers.epochs.current();
  for (const [epoch, wanted] of Map.groupBy(chunk, ({ heldEpoch = current }) => heldEpoch)) {
    if (epoch === current || !readers.epochs.isOwn(epoch)) continue;
    for (const [id, head] of await readers.epochHeads.lowestAbove(idsOf(wanted), epoch))
      recorded.set(id, head);
  }
  return recorded;
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
