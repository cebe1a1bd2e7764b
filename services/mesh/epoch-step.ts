import type { EpochMark, StoreMark } from "./ports.ts";

/** The mark of a new store, and of a coordinator that was not told of any. */
export const firstEpochMark: EpochMark = { epoch: 1n, tick: 0n };

/** Epochs of a store's history that it remembers; what devices hold of earlier ones they fetch again. */
export const lineageMax = 64;

/** What a look at the store's mark comes to. */
export type EpochStep =
  /** The store is as new as it ever was. */
  | { readonly kind: "keep" }
  /** The store was put back: its mark is to be replaced by this one before anything is appended. */
  | { readonly kind: "raise"; readonly to: StoreMark };

/**
 * Compares the store's mark with the one that was told to the coordinator. The coordinator is told what the store has had,
 * so read the coordinator first: then a store that is below has lost something. The new epoch is above every epoch that
 * either of them knows, since the store that was put back may have forgotten one that devices have seen already; and the
 * new tick is above the coordinator's, so that the same loss is not found twice.
 */
export function epochStep(told: EpochMark, store: StoreMark): EpochStep {
  if (store.tick >= told.tick && store.epoch >= told.epoch) return { kind: "keep" };
  const { epoch: before, tick } = higherMark(told, store);
  const epoch = before + 1n;
  return {
    kind: "raise",
    to: { epoch, tick: tick + 1n, lineage: [...store.lineage, epoch].slice(-lineageMax) },
  };
}

/** The higher of the two in each part. */
export function higherMark(one: EpochMark, other: EpochMark): EpochMark {
  return {
    epoch: one.epoch > other.epoch ? one.epoch : other.epoch,
    tick: one.tick > other.tick ? one.tick : other.tick,
  };
}

/** The mark after one more tick. */
export function nextTick(mark: StoreMark): StoreMark {
  return { ...mark, tick: mark.tick + 1n };
}
