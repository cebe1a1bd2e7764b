import type { Timer } from "../kernel/clock.ts";
import { noAccounts } from "./account-check.ts";
import type { AppendCommand, AppendResult } from "./append-command.ts";
import type { AppendDeps, AppendParts } from "./append-deps.ts";
import { AppendLife } from "./append-life.ts";
import { type AppendMetrics, createAppendMetrics } from "./append-metrics.ts";
import { type AppendOptions, appendDefaults, assertAppendOptions } from "./append-options.ts";
import { type AppendLimit, draining, failed, overloaded } from "./append-results.ts";
import { planAfter } from "./batch-outcome.ts";
import { conversationNotFound } from "./conversation-faults.ts";
import { groupConversationId, parseConversationId } from "./conversation-id.ts";
import { settleConversations } from "./conversation-loader.ts";
import { peerOf } from "./conversation-state.ts";
import { readBack } from "./read-back.ts";
import { nextStep } from "./sequencer.ts";

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
  /**
   * The store is in another epoch: forgets everything that it holds of conversations, and begins again in
   * `epochs.current()` once nothing of before runs. What waits, and what comes until then, is answered `moved`, or unknown
   * where the store may have it.
   */
  beginEpoch(): Promise<void>;
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
  readonly #metrics: AppendMetrics;
  #life: AppendLife;
  /** Ends when the life in `#life` may take commands; unset while it does. */
  #beginning: Promise<void> | undefined;
  #sweep: Timer | undefined;
  #isDraining = false;
  #onEmpty: (() => void) | undefined;

  constructor(deps: AppendDeps, options: AppendOptions) {
    assertAppendOptions(options);
    this.#deps = deps;
    this.#options = options;
    this.#metrics = createAppendMetrics(deps.metrics, {
      waiting: () => this.#life.room.size,
      loadedConversations: () => this.#life.table.size,
      loadedMembers: () => this.#life.table.members,
      orderedStreams: () => this.#life.sendEpochs.size,
    });
    this.#life = this.#newLife();
  }

  append(command: AppendCommand): Promise<AppendResult> {
    const refusal = this.#refusalOf(command);
    if (refusal !== undefined) return Promise.resolve(refusal);
    return new Promise((resolve, reject) => {
      const { senderId, clientMessageId } = command;
      this.#life.submit({
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
      });
      this.#armSweep();
    });
  }

  settle(conversationIds: readonly string[]): Promise<void> {
    return settleConversations(this.#deps, conversationIds);
  }

  beginEpoch(): Promise<void> {
    this.#beginning = (this.#beginning ?? Promise.resolve()).then(async () => {
      await this.#life.end({ kind: "moved" });
      this.#onEmpty?.();
      if (this.#isDraining) return;
      this.#life = this.#newLife();
      this.#beginning = undefined;
    });
    return this.#beginning;
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#life.room.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  async stop(): Promise<void> {
    this.#isDraining = true;
    this.#sweep?.cancel();
    const ended = this.#life.end(failed(draining()));
    this.#onEmpty?.();
    await ended;
    await this.#beginning;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #newLife(): AppendLife {
    return new AppendLife({
      deps: this.#deps,
      options: this.#options,
      epoch: this.#deps.epochs.current(),
      observer: this.#metrics,
      results: this.#metrics.results,
      onFull: () => this.#refuse("loaded_conversations", "Too many conversations are busy; try again later"),
    });
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
    if (this.#beginning !== undefined) return { kind: "moved" };
    const limit = this.#life.room.limitPassed(conversationId);
    return limit === undefined ? undefined : this.#refuse(limit, "Too many commands wait; try again later");
  }

  #refuse(limit: AppendLimit, message: string): AppendResult {
    this.#metrics.refused(limit);
    return failed(overloaded(limit, message));
  }

  /** Looks for commands past their deadline, as long as any wait. */
  #armSweep(): void {
    this.#sweep ??= this.#deps.clock.after(this.#options.expirySweepMs, () => {
      this.#sweep = undefined;
      const { room } = this.#life;
      room.expire(this.#deps.clock.monotonicMs());
      if (room.size > 0) this.#armSweep();
      else this.#onEmpty?.();
    });
  }
}
