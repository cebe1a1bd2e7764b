import type { Timer } from "../kernel/clock.ts";
import { type AccountCheck, createAccountCheck, noAccounts } from "./account-check.ts";
import type { AppendCommand, AppendResult } from "./append-command.ts";
import type { AppendDeps, AppendParts } from "./append-deps.ts";
import { AppendLane } from "./append-lane.ts";
import { createAppendMetrics } from "./append-metrics.ts";
import { type AppendOptions, appendDefaults, assertAppendOptions } from "./append-options.ts";
import { type AppendLimit, draining, failed, overloaded } from "./append-results.ts";
import { planAfter } from "./batch-outcome.ts";
import { conversationNotFound } from "./conversation-faults.ts";
import { groupConversationId, parseConversationId } from "./conversation-id.ts";
import { settleConversations } from "./conversation-loader.ts";
import { peerOf } from "./conversation-state.ts";
import { createConversationTable } from "./conversation-table.ts";
import type { PendingAppend } from "./pending-append.ts";
import { readBack } from "./read-back.ts";
import { createSendEpochs } from "./send-epochs.ts";
import { nextStep } from "./sequencer.ts";
import { WaitingRoom } from "./waiting-room.ts";

/** The deciding modules, as production uses them. */
export const appendParts: AppendParts = { nextStep, planAfter, readBack };

/** The owner's side of appending, for all conversations that this node is given commands of. */
export interface Appender extends AsyncDisposable {
  /**
   * Appends one entry, or says why not. Resolves after the entry is durable, published, and its effects are done; rejects
   * only for a bug. It resolves soon after the command's deadline at the latest.
   */
  append(command: AppendCommand): Promise<AppendResult>;
  /** Finishes effects of these conversations up to their logs' heads; at most 1,000. Rejects as the store does. */
  settle(conversationIds: readonly string[]): Promise<void>;
  /** Refuses new commands and resolves when all others are answered, which their deadlines bound. */
  drain(): Promise<void>;
  /** Answers what still waits, at once, and resolves when nothing runs any more. May be called again. */
  stop(): Promise<void>;
}

/** Creates an appender. Throws a RangeError for options that contradict one another. */
export function createAppender(deps: AppendDeps, options: Partial<AppendOptions> = {}): Appender {
  return new LaneAppender(deps, { ...appendDefaults, ...options });
}

class LaneAppender implements Appender {
  readonly #deps: AppendDeps;
  readonly #options: AppendOptions;
  readonly #stopping = new AbortController();
  readonly #room: WaitingRoom;
  readonly #check: AccountCheck;
  readonly #lanes: readonly AppendLane[];
  readonly #table: ReturnType<typeof createConversationTable>;
  readonly #onRefused: (limit: AppendLimit) => void;
  #sweep: Timer | undefined;
  #isDraining = false;
  #onEmpty: (() => void) | undefined;

  constructor(deps: AppendDeps, options: AppendOptions) {
    assertAppendOptions(options);
    this.#deps = deps;
    this.#options = options;
    this.#table = createConversationTable(options);
    const sendEpochs = createSendEpochs(options.orderedStreamsMax);
    const metrics = createAppendMetrics(deps.metrics, {
      waiting: () => this.#room.size,
      loadedConversations: () => this.#table.size,
      loadedMembers: () => this.#table.members,
      orderedStreams: () => sendEpochs.size,
    });
    this.#onRefused = (limit) => metrics.refused(limit);
    this.#room = new WaitingRoom({ options, sendEpochs, results: metrics.results });
    const context = { deps, options, desk: this.#room, signal: this.#stopping.signal };
    this.#lanes = Array.from({ length: options.lanes }, () => new AppendLane(context, metrics));
    this.#check = createAccountCheck({
      accounts: deps.accounts,
      memberships: deps.memberships,
      conversationsPerAccountMax: options.conversationsPerAccountMax,
      onChecked: (pending) => this.#enqueue(pending),
    });
  }

  append(command: AppendCommand): Promise<AppendResult> {
    const refusal = this.#refusalOf(command);
    if (refusal !== undefined) return Promise.resolve(refusal);
    return new Promise((resolve, reject) => {
      const { senderId, clientMessageId } = command;
      const pending: PendingAppend = {
        command,
        key: { senderId, clientMessageId },
        ...this.#deps.digest(command.body),
        accounts: noAccounts,
        provedAt: undefined,
        taken: false,
        inBatch: false,
        sent: false,
        followers: [],
        answered: false,
        resolve,
        reject,
      };
      this.#room.enter(pending);
      this.#armSweep();
      this.#check.submit(pending);
    });
  }

  settle(conversationIds: readonly string[]): Promise<void> {
    return settleConversations(this.#deps, conversationIds);
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#room.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  async stop(): Promise<void> {
    this.#isDraining = true;
    this.#stopping.abort();
    this.#sweep?.cancel();
    this.#room.clear(failed(draining()));
    this.#onEmpty?.();
    await this.#check.rest();
    await Promise.all(this.#lanes.map((lane) => lane.rest()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** What can be answered without looking at any conversation. */
  #refusalOf(command: AppendCommand): AppendResult | undefined {
    const { conversationId, clientMessageId, senderId, body, expireMs } = command;
    if (this.#isDraining) return failed(draining());
    const ref = parseConversationId(conversationId);
    const isHidden = ref === undefined || (ref.kind === "direct" && peerOf(ref, senderId) === undefined);
    const isMisnamed =
      body.kind === "createGroup" && conversationId !== groupConversationId(senderId, clientMessageId);
    // No entry, seen or not yet seen, can change these, so there is nothing to prove.
    if (isHidden || isMisnamed) return failed(conversationNotFound(conversationId));
    if (expireMs <= this.#deps.clock.monotonicMs()) {
      return this.#refuse("deadline", "Its deadline had passed when it arrived");
    }
    const limit = this.#room.limitPassed(conversationId);
    return limit === undefined ? undefined : this.#refuse(limit, "Too many commands wait; try again later");
  }

  #refuse(limit: AppendLimit, message: string): AppendResult {
    this.#onRefused(limit);
    return failed(overloaded(limit, message));
  }

  /** Step 2: hands a command whose accounts are known to its conversation's lane. */
  #enqueue(pending: PendingAppend): void {
    if (pending.answered) return;
    const { conversationId } = pending.command;
    const slot = this.#table.obtain(conversationId);
    const lane = this.#lanes[laneOf(conversationId, this.#lanes.length)];
    if (slot === undefined || lane === undefined) {
      this.#room.answer(
        pending,
        this.#refuse("loaded_conversations", "Too many conversations are busy; try again later"),
      );
      return;
    }
    lane.enqueue(slot, pending);
  }

  /** Looks for commands past their deadline, as long as any wait. */
  #armSweep(): void {
    this.#sweep ??= this.#deps.clock.after(this.#options.expirySweepMs, () => {
      this.#sweep = undefined;
      this.#room.expire(this.#deps.clock.monotonicMs());
      if (this.#room.size > 0) this.#armSweep();
      else this.#onEmpty?.();
    });
  }
}

/** FNV-1a: spreads ids over lanes, the same way at every start. */
function laneOf(conversationId: string, lanes: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < conversationId.length; index += 1) {
    hash = Math.imul(hash ^ conversationId.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % lanes;
}
