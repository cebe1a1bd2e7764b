import type { Entry } from "../../gen/parley/message/v1/entry_pb.ts";
import type { Fault } from "../kernel/fault.ts";
import type { AppendDeps } from "./append-deps.ts";
import type { AppendOptions } from "./append-options.ts";
import { failed, overloaded } from "./append-results.ts";
import type { Slot } from "./conversation-slot.ts";
import { advance, type ConversationState } from "./conversation-state.ts";
import { entryAfter, rowOfEntry, type Stamp } from "./entry-row.ts";
import type { AnswerDesk, PendingAppend } from "./pending-append.ts";
import type { EntryRow } from "./ports.ts";
import type { Step } from "./sequencer.ts";
import { voidRow } from "./void-row.ts";

/** One row on its way into the store, with what follows when it is there. */
export interface BatchItem {
  readonly conversationId: string;
  readonly slot: Slot;
  readonly pending: PendingAppend;
  readonly row: EntryRow;
  readonly becomes:
    | { readonly kind: "entry"; readonly entry: Entry; readonly after: ConversationState }
    | { readonly kind: "void"; readonly fault: Fault };
}

/** What the waiting commands of a lane came to in one turn. */
export interface ComposedBatch {
  readonly items: readonly BatchItem[];
  /** Conversations whose next command can only be decided after a fresh read. */
  readonly toProve: readonly Slot[];
  /** The ids at hand ran out: get more, then compose again. */
  readonly needsIds: boolean;
}

/** What composing needs. */
export interface ComposerContext {
  readonly deps: Pick<AppendDeps, "clock" | "ids" | "parts">;
  readonly options: AppendOptions;
  readonly epoch: bigint;
  readonly desk: AnswerDesk;
}

/** Why a conversation's commands are not gone through any further in this batch. */
type Stop = "empty" | "full" | "wait" | "prove" | "ids";

/**
 * Takes waiting commands into a batch, in one turn without `await`: decides each by the state after those before it, and
 * numbers it. Slots that are through leave `ready`; one that filled the batch goes to its end, so that a busy
 * conversation does not keep others waiting.
 */
export function composeBatch(ready: Set<Slot>, context: ComposerContext): ComposedBatch {
  const items: BatchItem[] = [];
  const toProve: Slot[] = [];
  const room: Room = { entries: context.options.batchEntriesMax, bytes: context.options.batchBytesMax };
  for (const slot of Array.from(ready)) {
    const stop = takeFrom(slot, { items, room, context });
    if (stop === "empty" || stop === "prove") ready.delete(slot);
    if (stop === "prove") toProve.push(slot);
    if (stop === "ids") return { items, toProve, needsIds: true };
    if (stop === "full") {
      ready.delete(slot);
      ready.add(slot);
      break;
    }
  }
  return { items, toProve, needsIds: false };
}

interface Room {
  entries: number;
  bytes: number;
}

interface Composition {
  readonly items: BatchItem[];
  readonly room: Room;
  readonly context: ComposerContext;
}

function takeFrom(slot: Slot, composition: Composition): Stop {
  const { desk } = composition.context;
  let stop: Stop = "empty";
  let taken = 0;
  for (const pending of slot.queue) {
    stop = "empty";
    if (!pending.answered) {
      try {
        stop = takeOne(slot, pending, composition);
      } catch (error) {
        desk.fail(pending, error);
      }
    }
    if (stop !== "empty") break;
    taken += 1;
  }
  slot.queue.splice(0, taken);
  return stop;
}

/** Deals with one command; anything but "empty" means that it stays where it is. */
function takeOne(slot: Slot, pending: PendingAppend, composition: Composition): Stop {
  const { deps, options, desk } = composition.context;
  if (composition.room.entries === 0) return "full";
  if (!pending.sent && pending.command.expireMs <= deps.clock.monotonicMs()) {
    desk.answer(pending, failed(overloaded("deadline", "Its deadline passed before its turn came")));
    return "empty";
  }
  if (!desk.takeTurn(pending)) return "empty";
  const candidate = { ...pending, command: askedFor(pending), proved: pending.provedAt === slot.tip };
  const step = deps.parts.nextStep(slot.tip, candidate, slot.recent.find(pending.key), options);
  switch (step.kind) {
    case "wait":
    case "prove":
      return step.kind;
    case "answer":
      // If the answer gets lost and the send comes again, it may be accepted yet: none after it may be in the log by then.
      if (!step.settled) desk.breakOrder(pending);
      desk.answer(pending, step.result);
      return "empty";
    case "follow":
      step.pending.followers.push(pending);
      return "empty";
    case "append":
    case "void":
      return join(slot, pending, step, composition);
  }
}

/** A copy that says that there were others speaks for the one that it follows: a rejection has to hold for all. */
function askedFor({ command, followers }: PendingAppend): PendingAppend["command"] {
  const isRepeated = !command.retry && followers.some((follower) => follower.command.retry);
  return isRepeated ? { ...command, retry: true } : command;
}

function join(
  slot: Slot,
  pending: PendingAppend,
  step: Extract<Step<PendingAppend>, { kind: "append" | "void" }>,
  { items, room, context }: Composition,
): Stop {
  const { clock, ids } = context.deps;
  const entryId = ids.tryNext();
  if (entryId === undefined) return "ids";
  const stamp = { entryId, epoch: context.epoch, createTimeMs: Math.floor(clock.wallMs()) };
  const item =
    step.kind === "append"
      ? entryItem(slot, pending, step.body, stamp)
      : voidItem(slot, pending, step.fault, stamp);
  // The id is lost when the row does not fit; ids are for identity and may have gaps.
  if (item.row.bytes.length > room.bytes && items.length > 0) return "full";
  items.push(item);
  room.entries -= 1;
  room.bytes -= item.row.bytes.length;
  slot.busy += 1;
  pending.inBatch = true;
  slot.recent.begin(pending.key, pending.digest, pending);
  if (item.becomes.kind === "entry") slot.tip = item.becomes.after;
  return "empty";
}

function entryItem(slot: Slot, pending: PendingAppend, body: Entry["body"], stamp: Stamp): BatchItem {
  const entry = entryAfter(slot.tip, pending.command, body, stamp);
  const row = rowOfEntry(entry, stamp, pending.digest);
  const becomes = { kind: "entry", entry, after: advance(slot.tip, entry) } as const;
  return { conversationId: slot.conversationId, slot, pending, row, becomes };
}

function voidItem(slot: Slot, pending: PendingAppend, fault: Fault, stamp: Stamp): BatchItem {
  const { conversationId } = slot;
  const { entryId: id, epoch, createTimeMs } = stamp;
  const row = voidRow({
    conversationId,
    ...pending.key,
    digest: pending.digest,
    id,
    epoch,
    createTimeMs,
    fault,
  });
  return { conversationId, slot, pending, row, becomes: { kind: "void", fault } };
}
