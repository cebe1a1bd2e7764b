/** An index of a collection. */
export interface IndexOf {
  /** Fields in their order, ascending (1) or descending (-1). */
  readonly key: Readonly<Record<string, 1 | -1>>;
  /** Every document has every field of a unique index, for servers differ in whether missing equals missing. */
  readonly unique?: boolean;
}

/** The indexes of a collection beside the one of `_id`. */
export interface CollectionIndexes {
  readonly collection: string;
  readonly indexes: readonly IndexOf[];
}
