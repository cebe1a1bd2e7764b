import type { Clock } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import { silentMetrics } from "../../kernel/metrics.ts";
import type { Rng } from "../../kernel/rng.ts";
import type { Coordinator } from "../../mesh/coordinator.ts";
import type { NodeConfig } from "../config.ts";
import { openCoordinator } from "../open-backends.ts";
import { assertNodesStopped } from "./stopped-nodes.ts";

/** What work on a whole store needs, for which its nodes are stopped. */
export interface MaintenanceOptions {
  /** Of the nodes: it names their store and their coordinator. */
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** One line on what is waited for. */
  readonly notice: (line: string) => void;
}

/** Does something while no node is listed by the coordinator. Throws NodesRunning and UnusableDatabase. */
export async function whileNodesAreStopped<T>(
  options: MaintenanceOptions,
  work: (coordinator: Coordinator) => Promise<T>,
): Promise<T> {
  const { clock, signal, notice } = options;
  const { coordinator } = await openCoordinator({ ...options, metrics: silentMetrics });
  try {
    await assertNodesStopped(coordinator, {
      clock,
      signal,
      onWait: (nodeIds) =>
        notice(
          `${nodeIds.join(", ")} listed: waiting to see whether that is left from a node that was killed`,
        ),
    });
    return await work(coordinator);
  } finally {
    await coordinator.stop();
  }
}
