/** Something that holds bytes and can do without them. */
export interface BudgetHolder {
  /** Gives up all its bytes; they count as gone already. */
  release(): void;
}

/** Bytes that a node lends out: above the limit, whoever took bytes longest ago gives up all of its own. */
export class ByteBudget {
  readonly limit: number;
  // A Map iterates in order of insertion: the first holder is the one that took bytes longest ago.
  readonly #holders = new Map<BudgetHolder, number>();
  #total = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes lent out now. */
  get total(): number {
    return this.#total;
  }

  /** Says that `holder` has `bytes` from now on, and makes room for them. The holder itself keeps what it has. */
  hold(holder: BudgetHolder, bytes: number): void {
    this.drop(holder);
    this.#holders.set(holder, bytes);
    this.#total += bytes;
    for (const [oldest] of this.#holders) {
      if (this.#total <= this.limit || oldest === holder) return;
      this.drop(oldest);
      oldest.release();
    }
  }

  /** Says that `holder` has no bytes any more. */
  drop(holder: BudgetHolder): void {
    this.#total -= this.#holders.get(holder) ?? 0;
    this.#holders.delete(holder);
  }
}
