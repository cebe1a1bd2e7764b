import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import { createSemaphore, type Semaphore } from "../kernel/semaphore.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import type {
  EntryLogStore,
  EpochHeadStore,
  HeadStore,
  MembershipStore,
  StoreChanges,
} from "../message/ports.ts";
import { ByteBudget } from "./byte-budget.ts";
import { NodeDeviceFeed } from "./device-feed.ts";
import type { DeviceFeed, FeedFactory } from "./feed.ts";
import { type FeedLimits, feedLimits } from "./feed-limits.ts";
import type { FeedCounts, FeedSurroundings } from "./feed-surroundings.ts";
import { repairGap } from "./gap-repair.ts";
import type { DeliveryTrace, EffectSettler, EpochSource } from "./ports.ts";
import { Slices } from "./slices.ts";
import { type TopicJoins, TopicTable } from "./topic-table.ts";

/** What feeds need from a store and from their surroundings. */
export interface FeedDeps {
  readonly entries: Pick<EntryLogStore, "readAfter" | "readLast">;
  readonly heads: Pick<HeadStore, "read" | "listDirect">;
  readonly memberships: Pick<MembershipStore, "read" | "ofAccount">;
  readonly effects: EffectSettler;
  readonly epochs: EpochSource;
  readonly epochHeads: Pick<EpochHeadStore, "lowestAbove">;
  readonly router: TopicJoins;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly trace: Pick<DeliveryTrace, "repaired">;
  /** In place of what closes gaps; only in tests that plant a defect to prove that it is seen. */
  readonly repairGap?: typeof repairGap;
}

/** A moment's figures. */
export interface FeedStats extends Readonly<FeedCounts> {
  readonly feeds: number;
  readonly accounts: number;
  readonly conversations: number;
  readonly ringBytes: number;
  readonly pageBytes: number;
  readonly pageReads: number;
  readonly gapReads: number;
}

/** The delivery core of one node. */
export interface Feeds {
  readonly feedFor: FeedFactory;
  stats(): FeedStats;
  /** What changed in the store, whatever was heard of it before; answers how much of it was news. */
  hear(changes: StoreChanges): number;
  /**
   * The store is in another epoch: closes every feed and forgets heads and rings, in this turn. Feeds that are made from
   * now on begin with what the store says.
   */
  beginEpoch(): void;
  /** Closes every feed and ends all waiting. Idempotent. */
  stop(): void;
}

/** Makes the delivery core. `options` replaces some of the limits. */
export function createFeeds(deps: FeedDeps, options: Partial<FeedLimits> = {}): Feeds {
  const limits: FeedLimits = { ...feedLimits, ...options };
  const feeds = new Set<DeviceFeed>();
  const stopping = new AbortController();
  const shared = createShared(deps, limits, stopping.signal);
  const surroundings: FeedSurroundings = { ...shared, forget: (feed) => void feeds.delete(feed) };
  const stats = (): FeedStats => ({ ...shared.stats(), feeds: feeds.size });
  observe(deps.metrics, stats);
  const closeAll = (): void => {
    for (const feed of feeds) feed.close();
    // A view that is held for a read outlives its feeds.
    shared.topics.forget();
  };
  return {
    feedFor: ({ accountId }, listener) => {
      const feed = new NodeDeviceFeed(accountId, listener, surroundings);
      feeds.add(feed);
      return feed;
    },
    stats,
    hear: (changes) => shared.topics.hear(changes),
    beginEpoch: closeAll,
    stop: () => {
      stopping.abort();
      // In the same turn: the repair of a gap that ended early would begin again and again.
      closeAll();
      shared.slices.stop();
    },
  };
}

function createShared(deps: FeedDeps, limits: FeedLimits, stopped: AbortSignal) {
  const { entries, heads, memberships, effects, epochs, epochHeads } = deps;
  const { router, clock, rng, logger, metrics, trace } = deps;
  const readGate = (name: string, limit: number): Semaphore =>
    createSemaphore({
      name,
      limit,
      queueMax: limits.waitingReadsMax,
      retryDelayMs: limits.retry.baseMs,
      metrics,
    });
  const counts: FeedCounts = { lagging: 0, behind: 0, rewound: 0 };
  const pageBudget = new ByteBudget(limits.pageBytesPerNodeMax);
  const ringBudget = new ByteBudget(limits.ringBytesPerNodeMax);
  const pageReads = readGate("session_page_reads", limits.pageReadsMax);
  const gapReads = readGate("session_gap_reads", limits.gapReadsMax);
  const placements = readGate("session_placements", limits.placementsMax);
  const repaired = metrics.counter(
    "session_gap_entries_total",
    "Entries read because their event did not come",
  );
  const slices = new Slices({
    clock,
    sliceMs: limits.sliceMs,
    onError: (error) => logger.error("a device failed to take what is ready", { error: thrownError(error) }),
  });
  const repair = { entries, reads: gapReads, limits, clock, rng, logger, repaired, trace, stopped };
  const topics = new TopicTable({
    limits,
    ringBudget,
    slices,
    router,
    repairGap: (view) => (deps.repairGap ?? repairGap)(view, repair),
  });
  const readers = { entries, heads, memberships, effects, epochs, epochHeads, limits };
  return {
    entries,
    pageReads,
    pageBudget,
    limits,
    clock,
    rng,
    logger,
    placements,
    topics,
    readers,
    epochs,
    slices,
    counts,
    stats: () => ({
      ...counts,
      accounts: topics.accountCount,
      conversations: topics.viewCount,
      ringBytes: ringBudget.total,
      pageBytes: pageBudget.total,
      pageReads: pageReads.running,
      gapReads: gapReads.running,
    }),
  };
}

const gauges = {
  feeds: "Feeds of attached devices",
  accounts: "Accounts with an attached device",
  conversations: "Conversations that an attached device needs",
  lagging: "Conversations of devices with entries that were not handed out yet",
  ringBytes: "Bytes in rings of recent entries",
  pageBytes: "Bytes in pages that devices have not taken yet",
  behind: "Placements that were answered by behind, since the start",
  rewound: "Placements that were answered by rewound, since the start",
} as const;

function observe(metrics: Metrics, stats: () => FeedStats): void {
  metrics.observedGauge("session_feeds", gauges.feeds, () => stats().feeds);
  metrics.observedGauge("session_feed_accounts", gauges.accounts, () => stats().accounts);
  metrics.observedGauge("session_feed_conversations", gauges.conversations, () => stats().conversations);
  metrics.observedGauge("session_lagging_conversations", gauges.lagging, () => stats().lagging);
  metrics.observedGauge("session_ring_bytes", gauges.ringBytes, () => stats().ringBytes);
  metrics.observedGauge("session_page_bytes", gauges.pageBytes, () => stats().pageBytes);
  metrics.observedGauge("session_behind_placements", gauges.behind, () => stats().behind);
  metrics.observedGauge("session_rewound_placements", gauges.rewound, () => stats().rewound);
}
