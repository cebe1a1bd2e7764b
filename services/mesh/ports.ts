/** What the mesh needs from a store. Every store adapter passes the contract suites in services/store/contract. */

/**
 * How far a store has come, as one value: `epoch` is raised when its history may have been rewound, `tick` every few
 * seconds. A store whose mark is below one that it had before was put back.
 */
export interface EpochMark {
  /** 1 for a store that was never rewound. */
  readonly epoch: bigint;
  /** 0 before the first one. */
  readonly tick: bigint;
}

/** The mark as the store has it. */
export interface StoreMark extends EpochMark {
  /**
   * The epochs of the store's own history, ascending, `epoch` the last; the oldest are left out when there were many. An
   * epoch that is missing was another store's: of a copy that was put back, gone on with, and replaced by another copy.
   */
  readonly lineage: readonly bigint[];
}

/** The mark in the store. */
export interface EpochMarkStore {
  /** Epoch 1, the only one in the lineage, and tick 0 before it was raised. Rejects as the store does. */
  read(): Promise<StoreMark>;
  /**
   * Replaces the mark, as one step, if the store's epoch and tick are still those of `from`; false when they are not. Those
   * of `to` are not lower. Rejects as the store does; the mark may have been replaced then.
   */
  raise(from: EpochMark, to: StoreMark): Promise<boolean>;
}
