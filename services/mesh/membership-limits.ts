import type { BackoffPolicy } from "../kernel/backoff.ts";
import { leaseMs } from "./coordinator.ts";

/** From one renewal to the next, in milliseconds. */
export const renewIntervalMs = leaseMs / 4;

/** From one listing to the next when nothing asks for one earlier, in milliseconds; give or take a fifth. */
export const listIntervalMs = 30_000;

/** Between the beginnings of two listings, in milliseconds, however many hints come. */
export const listGapMsMin = 250;

/** A call that was not answered in this time counts as failed, in milliseconds. */
export const callMsMax = 3_000;

/** What follows a failed call: full jitter, 500 ms doubling to 2.5 s. */
export const retryPolicy: BackoffPolicy = { baseMs: 500, maxMs: renewIntervalMs };

/** How long `start` goes on trying, in milliseconds. */
export const startMsMax = 30_000;

/** How long `leave` waits for the coordinator, in milliseconds. */
export const leaveMsMax = 2_000;

/** A node that was dropped waits for a part of this before it registers again, so that not all come at once. */
export const rejoinDelayMsMax = 1_000;

/** How long a node stays out, at least, after another process took its id; in milliseconds. */
export const conflictMsMin = 30_000;

/** Incarnations that this process remembers as its own, because a late registration of one may still show up. */
export const incarnationsMax = 16;
