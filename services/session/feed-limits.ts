import type { BackoffPolicy } from "../kernel/backoff.ts";

const kib = 1024;
const mib = 1024 * kib;

/** Every bound of the delivery core. DESIGN.md says what happens at each of them. */
export const feedLimits = {
  /** More visible entries than this ahead of a cursor when it is placed are answered by `behind`. */
  behindEntriesMax: 500,
  /** Recent entries that a node keeps per conversation. */
  ringEntriesMax: 256,
  ringBytesMax: 256 * kib,
  /** All rings of a node together. */
  ringBytesPerNodeMax: 64 * mib,
  /** Events of a conversation that wait for its head, or for the entries before them. */
  heldEntriesMax: 256,
  heldBytesMax: 256 * kib,
  /** One page of a lagging device. */
  pageEntriesMax: 100,
  pageBytesMax: 64 * kib,
  /** All pages that devices of a node have not taken yet. */
  pageBytesPerNodeMax: 32 * mib,
  /** Page reads at once, of all devices. */
  pageReadsMax: 4,
  /** Gap reads at once, of all conversations. */
  gapReadsMax: 4,
  /** Placements at once, of all devices that are open; those of `open` itself are bounded by admission. */
  placementsMax: 4,
  /** Reads that wait for their turn; one more counts as failed and is tried again later. */
  waitingReadsMax: 100_000,
  /** Conversations in one call of a store or of the settler. */
  idsPerReadMax: 1_000,
  /** Newest rows in one read; they carry contents. */
  lastRowsPerReadMax: 50,
  /** Conversations of one device that had news while it was opening, and those that wait to be placed. */
  unplacedPerDeviceMax: 10_000,
  /** How long a topic with many devices may hold the loop, in milliseconds. */
  sliceMs: 4,
  /** Between failed reads. */
  retry: { baseMs: 50, maxMs: 5_000 } satisfies BackoffPolicy,
} as const;

/** The bounds in force: `feedLimits`, or what a test or the configuration puts in place of some of them. */
export type FeedLimits = { readonly [Name in keyof typeof feedLimits]: Widened<(typeof feedLimits)[Name]> };

type Widened<T> = T extends number ? number : BackoffPolicy;
