import type { EpochHeadStore } from "../../message/ports.ts";

/** Heads at the beginning of epochs in memory, for tests and the simulator. */
export function createMemoryEpochHeadStore(): EpochHeadStore {
  const headsByEpoch = new Map<string, Map<bigint, bigint>>();
  return {
    async record(conversationId, epoch, head) {
      const heads = headsByEpoch.get(conversationId) ?? new Map<bigint, bigint>();
      headsByEpoch.set(conversationId, heads);
      if (!heads.has(epoch)) heads.set(epoch, head);
    },
    async lowestAbove(conversationIds, epoch) {
      const lowest = new Map<string, bigint>();
      for (const id of conversationIds) {
        for (const [recordedIn, head] of headsByEpoch.get(id) ?? []) {
          if (recordedIn > epoch && head < (lowest.get(id) ?? head + 1n)) lowest.set(id, head);
        }
      }
      return lowest;
    },
  };
}
