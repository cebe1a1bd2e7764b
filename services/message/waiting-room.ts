import type { Counter } from "../kernel/metrics.ts";
import type { AppendResult } from "./append-command.ts";
import type { AppendOptions } from "./append-options.ts";
import { failed, outcomeUnknown, overloaded } from "./append-results.ts";
import type { AnswerDesk, PendingAppend } from "./pending-append.ts";
import type { SendEpochs } from "./send-epochs.ts";

/** What a waiting room counts by. */
export interface WaitingRoomDeps {
  readonly options: Pick<AppendOptions, "waitingCommandsMax" | "waitingPerConversationMax">;
  readonly sendEpochs: SendEpochs;
  /** Labelled by `outcome`. */
  readonly results: Counter;
}

/** Knows every command that was not answered yet, and answers each of them once. */
export class WaitingRoom implements AnswerDesk {
  readonly #deps: WaitingRoomDeps;
  readonly #waiting = new Set<PendingAppend>();
  readonly #perConversation = new Map<string, number>();

  constructor(deps: WaitingRoomDeps) {
    this.#deps = deps;
  }

  /** How many commands wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Which limit one more command of this conversation would pass. */
  limitPassed(conversationId: string): "waiting_commands" | "waiting_commands_per_conversation" | undefined {
    const { waitingCommandsMax, waitingPerConversationMax } = this.#deps.options;
    if (this.#waiting.size >= waitingCommandsMax) return "waiting_commands";
    const own = this.#perConversation.get(conversationId) ?? 0;
    return own >= waitingPerConversationMax ? "waiting_commands_per_conversation" : undefined;
  }

  enter(pending: PendingAppend): void {
    const { conversationId } = pending.command;
    this.#waiting.add(pending);
    this.#perConversation.set(conversationId, (this.#perConversation.get(conversationId) ?? 0) + 1);
  }

  answer(pending: PendingAppend, result: AppendResult): void {
    this.#tell(pending, result);
    for (const follower of pending.followers.splice(0)) this.answer(follower, result);
  }

  fail(pending: PendingAppend, error: unknown): void {
    for (const follower of pending.followers.splice(0)) this.fail(follower, error);
    if (pending.answered) return;
    this.breakOrder(pending);
    this.#leave(pending, "bug");
    pending.reject(error);
  }

  takeTurn(pending: PendingAppend): boolean {
    const { order, conversationId } = pending.command;
    if (order === undefined) return true;
    const { sendEpochs } = this.#deps;
    const isItsTurn = pending.taken
      ? sendEpochs.isWhole(conversationId, order)
      : sendEpochs.take(conversationId, order);
    if (isItsTurn) pending.taken = true;
    else this.answer(pending, pending.sent ? failed(outcomeUnknown()) : { kind: "moved" });
    return isItsTurn;
  }

  breakOrder(pending: PendingAppend): void {
    for (const { command } of [pending, ...pending.followers]) {
      if (command.order !== undefined) this.#deps.sendEpochs.break(command.conversationId, command.order);
    }
  }

  /** Answers all whose deadline is not after `nowMs`. */
  expire(nowMs: number): void {
    const late = failed(overloaded("deadline", "Its deadline passed before its turn came"));
    for (const pending of this.#waiting) {
      if (pending.command.expireMs > nowMs) continue;
      // Of what is in a batch, repetitions with a later deadline may still hear how it ended.
      if (pending.inBatch) this.#tell(pending, failed(outcomeUnknown()));
      else this.answer(pending, pending.sent ? failed(outcomeUnknown()) : late);
    }
  }

  /** Answers all: unknown what the store may have, `result` the others. */
  clear(result: AppendResult): void {
    for (const pending of this.#waiting) {
      const isWithStore = pending.inBatch || pending.sent;
      this.answer(pending, isWithStore ? failed(outcomeUnknown()) : result);
    }
  }

  #tell(pending: PendingAppend, result: AppendResult): void {
    if (pending.answered) return;
    const isUnsettled = result.kind === "failed" && result.fault.retryDelayMs !== undefined;
    // One that took its place and then shares the fate of an older copy leaves a hole in its own send epoch.
    if (isUnsettled || (result.kind === "moved" && pending.taken)) this.breakOrder(pending);
    this.#leave(pending, outcomeName(result));
    pending.resolve(result);
  }

  #leave(pending: PendingAppend, outcome: string): void {
    pending.answered = true;
    this.#waiting.delete(pending);
    const { conversationId } = pending.command;
    const left = (this.#perConversation.get(conversationId) ?? 1) - 1;
    if (left === 0) this.#perConversation.delete(conversationId);
    else this.#perConversation.set(conversationId, left);
    this.#deps.results.add(1, { outcome });
  }
}

function outcomeName(result: AppendResult): string {
  if (result.kind !== "failed") return result.kind;
  return result.fault.retryDelayMs === undefined ? "rejected" : "unsettled";
}
