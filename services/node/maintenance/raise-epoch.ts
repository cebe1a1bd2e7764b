import { silentMetrics } from "../../kernel/metrics.ts";
import { epochGapMax, restoredMark } from "../../mesh/restored-mark.ts";
import { openStore } from "../open-backends.ts";
import { type MaintenanceOptions, whileNodesAreStopped } from "./maintenance.ts";

/**
 * Begins a new epoch of a store that was put back by other means, as mongorestore. Answers the epochs before and after.
 * Throws as opening does, NodesRunning, and an error when somebody replaced the mark at that moment.
 */
export function raiseEpoch(
  options: MaintenanceOptions,
): Promise<{ readonly before: bigint; readonly epoch: bigint }> {
  return whileNodesAreStopped(options, async (coordinator) => {
    const { store } = await openStore({ ...options, metrics: silentMetrics });
    try {
      const mark = await store.epochMark.read();
      const told = await coordinator.readMark();
      const to = restoredMark(mark, [told], Math.floor(options.rng.fraction() * epochGapMax));
      if (!(await store.epochMark.raise(mark, to))) {
        throw new Error(
          "somebody else raised the store's epoch at that moment: a node may have been started",
        );
      }
      await coordinator.raiseMark(to);
      return { before: mark.epoch, epoch: to.epoch };
    } finally {
      await store.stop();
    }
  });
}
