import type { BackoffPolicy } from "../kernel/backoff.ts";
import type { RightsLimits } from "./rights.ts";

/** Every bound of an appender, with its unit and its default in `appendDefaults`. */
export interface AppendOptions extends RightsLimits {
  /** Batches that run side by side: 1 on SQLite, 8 on MongoDB. */
  readonly lanes: number;
  /** Rows of one batch. */
  readonly batchEntriesMax: number;
  /** Encoded bytes of the rows of one batch; a single row may be larger. */
  readonly batchBytesMax: number;
  /** Commands of the node that were not answered yet; one more is refused. */
  readonly waitingCommandsMax: number;
  /** Commands of one conversation that were not answered yet; one more is refused. */
  readonly waitingPerConversationMax: number;
  /** Conversations kept in memory; idle ones give way, and when none is idle the command is refused. */
  readonly loadedConversationsMax: number;
  /** Members of all groups kept in memory, past ones included; idle conversations give way above it. */
  readonly loadedMembersMax: number;
  /** Settled client ids remembered per conversation. */
  readonly recentIdsMax: number;
  /** Bytes of entries read to fill them when a conversation is loaded. */
  readonly recentBytesMax: number;
  /** Pairs of stream and conversation whose order is remembered. */
  readonly orderedStreamsMax: number;
  /** Client ids looked up by one read-back. */
  readonly readBackIdsMax: number;
  /** How often waiting commands are looked through for those past their deadline, in milliseconds. */
  readonly expirySweepMs: number;
  /** The wait after a second conflict in a row with another owner of the conversation, and each one after that. */
  readonly conflictBackoff: BackoffPolicy;
  /** The wait after the store could not be read or written. */
  readonly storeBackoff: BackoffPolicy;
  /** Tries to raise heads and to apply effects before the senders are told that the outcome is unknown. */
  readonly settleAttemptsMax: number;
}

export const appendDefaults: AppendOptions = {
  lanes: 1,
  batchEntriesMax: 500,
  batchBytesMax: 1024 * 1024,
  waitingCommandsMax: 20_000,
  waitingPerConversationMax: 2_000,
  loadedConversationsMax: 20_000,
  loadedMembersMax: 500_000,
  recentIdsMax: 256,
  recentBytesMax: 256 * 1024,
  orderedStreamsMax: 50_000,
  readBackIdsMax: 500,
  expirySweepMs: 200,
  conflictBackoff: { baseMs: 10, maxMs: 250 },
  storeBackoff: { baseMs: 50, maxMs: 1_000 },
  settleAttemptsMax: 4,
  contentBytesMax: 65_536,
  groupMembersMax: 5_000,
  conversationsPerAccountMax: 10_000,
};

/** Throws a RangeError for options that contradict one another or the ports. */
export function assertAppendOptions(options: AppendOptions): void {
  const counts = [
    options.lanes,
    options.batchEntriesMax,
    options.waitingPerConversationMax,
    options.recentIdsMax,
  ];
  if (counts.some((count) => !Number.isInteger(count) || count < 1)) {
    throw new RangeError("lanes, batch, waiting and recent ids must be whole numbers from 1");
  }
  if (options.batchEntriesMax > 500) throw new RangeError("a store takes at most 500 rows in one batch");
  if (options.waitingPerConversationMax > options.waitingCommandsMax) {
    throw new RangeError("a conversation cannot have more waiting commands than the node");
  }
}
