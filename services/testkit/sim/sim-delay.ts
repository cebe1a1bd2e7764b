import type { SeededRng } from "../seeded-rng.ts";

/** How long something takes: mostly between two bounds, sometimes much longer. In virtual milliseconds. */
export interface DelayPlan {
  readonly minMs: number;
  readonly maxMs: number;
  /** Of all, how many take up to `tailMs` longer. */
  readonly tailRate: number;
  readonly tailMs: number;
}

/** Draws one delay. */
export function drawDelayMs(rng: SeededRng, { minMs, maxMs, tailRate, tailMs }: DelayPlan): number {
  const usualMs = minMs + rng.fraction() * (maxMs - minMs);
  return rng.fraction() < tailRate ? usualMs + rng.fraction() * tailMs : usualMs;
}
