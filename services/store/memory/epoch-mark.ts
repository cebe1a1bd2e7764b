import type { EpochMarkStore, StoreMark } from "../../mesh/ports.ts";

/** The store's mark in memory, for tests and the simulator. */
export function createMemoryEpochMarkStore(): EpochMarkStore {
  let mark: StoreMark = { epoch: 1n, tick: 0n, lineage: [1n] };
  return {
    read: async () => mark,
    async raise(from, to) {
      if (mark.epoch !== from.epoch || mark.tick !== from.tick) return false;
      mark = to;
      return true;
    },
  };
}
