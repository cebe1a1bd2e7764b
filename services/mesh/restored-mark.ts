import { higherMark, lineageMax } from "./epoch-step.ts";
import type { EpochMark, StoreMark } from "./ports.ts";

/** The most epochs that may be skipped where nobody can tell which ones there have been. */
export const epochGapMax = 2 ** 20;

/**
 * The mark for a store that was put back, or may have been. `known` are marks that the store had as far as anybody remembers:
 * of the coordinator, and of the store that is replaced. The epoch is above all of these. Where none of them is later than
 * the copy, what came after the copy is forgotten everywhere but on devices, and epochs with it: `gap` of them (a random
 * number from 0 to `epochGapMax`) are skipped, so that one which devices have seen is hardly met again.
 */
export function restoredMark(copy: StoreMark, known: readonly EpochMark[], gap: number): StoreMark {
  const { epoch: highest, tick } = known.reduce<EpochMark>(higherMark, copy);
  const isRemembered = known.some((mark) => mark.tick > copy.tick);
  const epoch = highest + 1n + (isRemembered ? 0n : BigInt(gap));
  return { epoch, tick: tick + 1n, lineage: [...copy.lineage, epoch].slice(-lineageMax) };
}
