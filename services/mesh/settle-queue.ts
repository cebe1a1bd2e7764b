interface Settling {
  readonly seq: number;
  readonly reached: Promise<void>;
  readonly resolve: () => void;
}

/** Those who wait for acknowledgements, in order. One entry for each item that is waited for, however many wait. Pure. */
export class SettleQueue {
  #waiting: Settling[] = [];

  /** Resolves when `seq` is reached. `seq` never lies below that of an earlier call that still waits. */
  reached(seq: number): Promise<void> {
    const last = this.#waiting.at(-1);
    if (last?.seq === seq) return last.reached;
    const { promise: reached, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ seq, reached, resolve });
    return reached;
  }

  resolveUpTo(seq: number): void {
    if ((this.#waiting[0]?.seq ?? Number.POSITIVE_INFINITY) > seq) return;
    const rest = this.#waiting.findIndex((settling) => settling.seq > seq);
    const reached = this.#waiting.splice(0, rest === -1 ? this.#waiting.length : rest);
    for (const { resolve } of reached) resolve();
  }

  resolveAll(): void {
    this.resolveUpTo(Number.POSITIVE_INFINITY);
  }
}
