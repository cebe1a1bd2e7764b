/** Bounds of a `BoundedMap`. */
export interface BoundedMapOptions<K, V> {
  /** How many entries are kept; at least 1. */
  readonly limit: number;
  /** Called with each entry that has to go because the limit was reached; not for `delete` and `clear`. */
  readonly onEvict?: (key: K, value: V) => void;
}

/** A map that keeps the `limit` entries that were used last: writing beyond it evicts the one used longest ago.
 * Values cannot be undefined, which means "not there". */
export class BoundedMap<K, V extends object | string | number | bigint | boolean | symbol | null> {
  readonly limit: number;
  readonly #onEvict: ((key: K, value: V) => void) | undefined;
  // A Map iterates in order of insertion, so re-inserting on use keeps the least recent one first.
  readonly #entries = new Map<K, V>();

  constructor(options: BoundedMapOptions<K, V>) {
    if (!Number.isInteger(options.limit) || options.limit < 1) {
      throw new Error(`the limit of a bounded map must be a whole number from 1, not ${options.limit}`);
    }
    this.limit = options.limit;
    this.#onEvict = options.onEvict;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  /** The value, which thereby becomes the most recent one. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** The value, without touching the order. */
  peek(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.limit) this.#evictOldest();
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Entries from the least to the most recently used. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#entries[Symbol.iterator]();
  }

  #evictOldest(): void {
    for (const [key, value] of this.#entries) {
      this.#entries.delete(key);
      this.#onEvict?.(key, value);
      return;
    }
  }
}
