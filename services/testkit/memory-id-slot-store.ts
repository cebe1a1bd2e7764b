import { type IdSlotStore, nextIdSpan } from "../kernel/ids.ts";

/** Marks of id slots in memory, which survive the allocators that use them, as those of a real store do. */
export function memoryIdSlotStore(): IdSlotStore {
  const marks = new Map<number, bigint>();
  return {
    async raise(slot, toAtLeast, span) {
      const next = nextIdSpan(marks.get(slot) ?? 0n, toAtLeast, span);
      marks.set(slot, next.to);
      return next;
    },
  };
}
