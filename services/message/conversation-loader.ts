import type { AppendDeps } from "./append-deps.ts";
import type { LoadedConversation } from "./conversation-slot.ts";
import { advance, type ConversationState, emptyConversation } from "./conversation-state.ts";
import type { MemberTable } from "./effects.ts";
import { entryOfRow } from "./entry-row.ts";
import type { EntryRow, EpochHeadStore, HeadRow, PageLimit } from "./ports.ts";
import { pagesAfter } from "./read-back.ts";
import { applyEffects, headRowOf } from "./settlement.ts";

type LoaderDeps = Pick<AppendDeps, "entries" | "heads" | "memberships" | "ids" | "router">;

/** How a conversation is loaded. */
export interface LoadOptions {
  /** How much of the newest entries is read, for their client ids. */
  readonly recent: PageLimit;
  /** The epoch of what is going to be appended. */
  readonly epoch: bigint;
}

/**
 * Loads a conversation: head from the log, never from its row; then effects are finished and the row is repaired; then the
 * membership rows are read, and the newest entries, whose client ids are remembered. Rejects as the store does.
 */
export async function loadConversation(
  deps: LoaderDeps & Pick<AppendDeps, "epochHeads">,
  conversationId: string,
  { recent, epoch }: LoadOptions,
): Promise<LoadedConversation> {
  const [[last], [head]] = await Promise.all([
    deps.entries.readLast([conversationId]),
    deps.heads.read([conversationId]),
  ]);
  await recordEpochHead(deps.epochHeads, { conversationId, epoch, last });
  if (last === undefined) return { state: emptyConversation(conversationId), recentRows: [] };
  await finishEffects(deps, last, head);
  const [members, recentRows] = await Promise.all([
    readMembers(deps, conversationId),
    deps.entries.readBefore(conversationId, last.seq + 1n, recent),
  ]);
  const state = { ...stateAt(conversationId, last.seq, members), messageOrdinal: last.messageOrdinal };
  return { state, recentRows: recentRows.toReversed() };
}

/** A conversation as it was found, and the epoch that is about to begin in it. */
interface EpochBeginning {
  readonly conversationId: string;
  readonly epoch: bigint;
  /** The log's newest row; none in a new conversation, or in one that was undone as a whole. */
  readonly last: EntryRow | undefined;
}

/**
 * The first load in an epoch records the head before anything is appended in it: devices that hold more of an earlier epoch
 * hold what was undone. Two owners may both find that nobody has appended yet; they have read the same head, and the first
 * record stays. In epoch 1 nothing was undone, and where the newest entry is of this epoch its writer has recorded the head.
 */
async function recordEpochHead(
  epochHeads: Pick<EpochHeadStore, "record">,
  { conversationId, epoch, last }: EpochBeginning,
): Promise<void> {
  if (epoch > 1n && (last === undefined || last.epoch < epoch))
    await epochHeads.record(conversationId, epoch, last?.seq ?? 0n);
}

/** How many conversations are settled side by side. */
const settleParallelMax = 8;

/** Finishes the effects of conversations up to their logs' heads and repairs their heads rows. Rejects as the store does. */
export async function settleConversations(
  deps: LoaderDeps,
  conversationIds: readonly string[],
): Promise<void> {
  const ids = [...new Set(conversationIds)];
  const [lasts, heads] = await Promise.all([deps.entries.readLast(ids), deps.heads.read(ids)]);
  const headById = new Map(heads.map((head) => [head.conversationId, head]));
  const todo = lasts.values();
  const worker = async (): Promise<void> => {
    for (const last of todo) await finishEffects(deps, last, headById.get(last.conversationId));
  };
  await Promise.all(Array.from({ length: settleParallelMax }, worker));
}

/** Brings rows outside the log from `head.appliedSeq` up to `last`, the log's newest row. */
async function finishEffects(deps: LoaderDeps, last: EntryRow, head: HeadRow | undefined): Promise<void> {
  const appliedSeq = head?.appliedSeq ?? 0n;
  const upToDate = appliedSeq >= last.seq && head !== undefined && head.headSeq >= last.seq;
  if (upToDate) return;
  const { conversationId } = last;
  const isGroup = emptyConversation(conversationId).ref.kind === "group";
  const members = isGroup ? await readMembers(deps, conversationId) : new Map();
  let state = stateAt(conversationId, appliedSeq, members);
  // A direct conversation has no effects, so that its entries need not be read.
  if (isGroup) {
    for await (const page of pagesAfter(deps.entries, conversationId, appliedSeq)) {
      const entries = page.map(entryOfRow);
      for (const entry of entries) state = advance(state, entry);
      await applyEffects(deps, state, entries);
    }
  }
  // Also when all effects were applied and only the head lags: nothing was read then.
  if (state.last <= last.seq) state = { ...state, last: last.seq, messageOrdinal: last.messageOrdinal };
  // The time of the entry, not of the repair, which must not move the conversation up anybody's list.
  await deps.heads.raise([headRowOf(state, state.last, last.createTimeMs)]);
}

async function readMembers(deps: LoaderDeps, conversationId: string): Promise<MemberTable> {
  const rows = await deps.memberships.ofConversation(conversationId);
  return new Map(
    rows.map(({ accountId, intervals, role, seenSeq }) => [accountId, { intervals, role, seenSeq }]),
  );
}

function stateAt(conversationId: string, last: bigint, members: MemberTable): ConversationState {
  return { ...emptyConversation(conversationId), last, members };
}
