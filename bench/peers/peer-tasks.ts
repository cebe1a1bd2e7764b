import type { MemoryFigures } from "../processes/memory-probe.ts";

/** What every peer can be asked for: it pushes messages to all clients that are connected. */
export interface PeerTasks {
  /** Listens on a free port of the loopback; answers the base URL. */
  listen(argument: undefined): Promise<string>;
  /** Pushes one message of so many events to each client, `rounds` times, at a fixed interval. */
  push(argument: PushPlan): Promise<void>;
  /** Clients that are connected. */
  clients(argument: undefined): number;
  /** Memory after garbage collection; Node runs with --expose-gc. */
  memory(argument: undefined): MemoryFigures;
}

/** What is pushed, and how often. */
export interface PushPlan {
  readonly rounds: number;
  readonly intervalMs: number;
  /** Events of one message, and bytes of one event as Parley encodes it. */
  readonly events: number;
  readonly eventBytes: number;
}

/** Runs something at a fixed interval, without drifting. */
export async function everyInterval(plan: PushPlan, round: () => void): Promise<void> {
  const startMs = performance.now();
  for (let index = 0; index < plan.rounds; index += 1) {
    const waitMs = startMs + index * plan.intervalMs - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs)));
    round();
  }
}

/** Memory of this process after garbage collection. */
export function memoryNow(): MemoryFigures {
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { residentBytes: rss, heapBytes: heapUsed, externalBytes: external };
}
