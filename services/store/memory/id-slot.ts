import { type IdSlotStore, nextIdSpan } from "../../kernel/ids.ts";

/** High-water marks of id slots in memory, for tests and the simulator. */
export function createMemoryIdSlotStore(): IdSlotStore {
  const marks = new Map<number, bigint>();
  return {
    async raise(slot, toAtLeast, span) {
      const taken = nextIdSpan(marks.get(slot) ?? 0n, toAtLeast, span);
      marks.set(slot, taken.to);
      return taken;
    },
  };
}
