import type { CandidateReaders } from "./candidates.ts";
import type { PagerSurroundings } from "./device-pager.ts";
import type { DeviceFeed } from "./feed.ts";
import type { PlacementSurroundings } from "./placement-queue.ts";
import type { EpochSource } from "./ports.ts";
import type { Slices } from "./slices.ts";
import type { TopicTable } from "./topic-table.ts";

/** What the feeds of a node share. */
export interface FeedSurroundings extends PagerSurroundings, PlacementSurroundings {
  readonly topics: TopicTable;
  readonly readers: CandidateReaders;
  readonly slices: Slices;
  readonly epochs: EpochSource;
  readonly counts: FeedCounts;
  /** A feed was closed. */
  forget(feed: DeviceFeed): void;
}

/** Counted for metrics, over all devices of a node. */
export interface FeedCounts {
  /** Conversations with entries that a device has not been handed yet. */
  lagging: number;
  /** Placements that were answered by `behind` and by `rewound`, since the start. */
  behind: number;
  rewound: number;
}
