import type { Clock } from "../kernel/clock.ts";
import type { IdAllocator } from "../kernel/ids.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import type { TopicEvent } from "../mesh/router.ts";
import type { planAfter } from "./batch-outcome.ts";
import type { EntryDigest } from "./entry-digest.ts";
import type {
  AccountDirectory,
  AppendTrace,
  EntryLogStore,
  EpochHeadStore,
  HeadStore,
  MembershipCounts,
  MembershipStore,
} from "./ports.ts";
import type { readBack } from "./read-back.ts";
import type { nextStep } from "./sequencer.ts";

/** The epoch of the store, as far as this node knows; by the node. 1 until a backup was restored. */
export interface EpochSource {
  current(): bigint;
}

/** What an appender needs from its surroundings. */
export interface AppendDeps {
  readonly entries: EntryLogStore;
  readonly heads: HeadStore;
  readonly memberships: MembershipStore & MembershipCounts;
  readonly accounts: AccountDirectory;
  /** A TopicRouter, of which an appender only publishes. */
  readonly router: { publish(event: TopicEvent): void };
  readonly ids: IdAllocator;
  /** Looked at when the appender is created, and at each `beginEpoch`. */
  readonly epochs: EpochSource;
  readonly epochHeads: Pick<EpochHeadStore, "record">;
  /**
   * This node's place among the owners of a conversation by its own ring, 0 for the first. Of two owners at once the
   * later one waits longer after a conflict, so that it does not keep the first one from going on. 0 when unset.
   */
  readonly conflictRank?: (conversationId: string) => number;
  readonly digest: EntryDigest;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly trace: AppendTrace;
  /** The deciding modules. Always `appendParts`, except in tests that plant a defect to prove that it is seen. */
  readonly parts: AppendParts;
}

/** The modules that decide. */
export interface AppendParts {
  readonly nextStep: typeof nextStep;
  readonly planAfter: typeof planAfter;
  readonly readBack: typeof readBack;
}
