import type { GenerationStore } from "../../session/ports.ts";

/** Generations of devices in memory, for tests and the simulator. */
export function createMemoryGenerationStore(): GenerationStore {
  const generations = new Map<string, bigint>();
  return {
    async raise(accountId, deviceId) {
      const key = JSON.stringify([accountId, deviceId]);
      const generation = (generations.get(key) ?? 0n) + 1n;
      generations.set(key, generation);
      return generation;
    },
  };
}
