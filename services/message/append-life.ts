import { type AccountCheck, createAccountCheck } from "./account-check.ts";
import type { AppendResult } from "./append-command.ts";
import type { AppendDeps } from "./append-deps.ts";
import { AppendLane, type LaneObserver } from "./append-lane.ts";
import type { AppendOptions } from "./append-options.ts";
import { createConversationTable } from "./conversation-table.ts";
import type { PendingAppend } from "./pending-append.ts";
import { createSendEpochs, type SendEpochs } from "./send-epochs.ts";
import { WaitingRoom, type WaitingRoomDeps } from "./waiting-room.ts";

/** What a life is given by its appender. */
export interface AppendLifeOptions {
  readonly deps: AppendDeps;
  readonly options: AppendOptions;
  /** Of everything that is appended in this life. */
  readonly epoch: bigint;
  readonly observer: LaneObserver;
  readonly results: WaitingRoomDeps["results"];
  /** Too many conversations are busy; what to answer. */
  readonly onFull: () => AppendResult;
}

/**
 * All that an appender has in memory, for one epoch of the store: conversations as the log made them, commands that wait,
 * the order of streams. None of it outlives the epoch, since the log may have been put back to an earlier state.
 */
export class AppendLife {
  readonly room: WaitingRoom;
  readonly table: ReturnType<typeof createConversationTable>;
  readonly sendEpochs: SendEpochs;
  readonly #options: AppendLifeOptions;
  readonly #ending = new AbortController();
  readonly #check: AccountCheck;
  readonly #lanes: readonly AppendLane[];

  constructor(life: AppendLifeOptions) {
    const { deps, options, epoch, results, observer } = life;
    this.#options = life;
    this.table = createConversationTable(options);
    this.sendEpochs = createSendEpochs(options.orderedStreamsMax);
    this.room = new WaitingRoom({ options, sendEpochs: this.sendEpochs, results });
    const context = { deps, options, epoch, desk: this.room, signal: this.#ending.signal };
    this.#lanes = Array.from({ length: options.lanes }, () => new AppendLane(context, observer));
    this.#check = createAccountCheck({
      accounts: deps.accounts,
      memberships: deps.memberships,
      conversationsPerAccountMax: options.conversationsPerAccountMax,
      onChecked: (pending) => this.#enqueue(pending),
    });
  }

  /** Takes a command: it is answered soon after its deadline at the latest. */
  submit(pending: PendingAppend): void {
    this.room.enter(pending);
    this.#check.submit(pending);
  }

  /**
   * Answers what waits, unknown what the store may have and `result` the others, composes no further batch, and resolves
   * when nothing runs any more.
   */
  async end(result: AppendResult): Promise<void> {
    this.#ending.abort();
    this.room.clear(result);
    await this.#check.rest();
    await Promise.all(this.#lanes.map((lane) => lane.rest()));
  }

  /** Step 2: hands a command whose accounts are known to its conversation's lane. */
  #enqueue(pending: PendingAppend): void {
    if (pending.answered) return;
    const { conversationId } = pending.command;
    const slot = this.table.obtain(conversationId);
    const lane = this.#lanes[laneOf(conversationId, this.#lanes.length)];
    if (slot === undefined || lane === undefined) this.room.answer(pending, this.#options.onFull());
    else lane.enqueue(slot, pending);
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
