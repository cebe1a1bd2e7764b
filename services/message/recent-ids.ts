import type { ClientKey } from "./ports.ts";

/** What is known of a client id that was taken, or is being taken. */
export type RecentId<Pending, Result> =
  | { readonly kind: "pending"; readonly digest: Uint8Array; readonly pending: Pending }
  | { readonly kind: "settled"; readonly digest: Uint8Array; readonly result: Result };

/**
 * The client ids of one conversation that were used last, those in flight included: a repetition of one of them costs
 * no read. What it has forgotten, the store's unique index still knows. Only settled ids are ever forgotten.
 */
export interface RecentIds<Pending, Result> {
  readonly size: number;
  find(key: ClientKey): RecentId<Pending, Result> | undefined;
  /** `key` is on its way into the log. */
  begin(key: ClientKey, digest: Uint8Array, pending: Pending): void;
  /** `key` is in the log with this result, for ever. */
  settle(key: ClientKey, digest: Uint8Array, result: Result): void;
  /** `key` was withdrawn; nothing is known of it. A settled id stays. */
  withdraw(key: ClientKey): void;
}

/** Creates an empty cache of at most `settledMax` settled ids; the number in flight is bounded by the batch. */
export function createRecentIds<Pending, Result>(settledMax: number): RecentIds<Pending, Result> {
  const pending = new Map<string, RecentId<Pending, Result>>();
  const settled = new Map<string, RecentId<Pending, Result>>();
  return {
    get size() {
      return pending.size + settled.size;
    },
    find: (key) => settled.get(textOf(key)) ?? pending.get(textOf(key)),
    begin: (key, digest, owner) => void pending.set(textOf(key), { kind: "pending", digest, pending: owner }),
    settle: (key, digest, result) => {
      pending.delete(textOf(key));
      // Deleted first, so that an id which is settled again counts as the newest.
      settled.delete(textOf(key));
      settled.set(textOf(key), { kind: "settled", digest, result });
      const [oldest] = settled.keys();
      if (settled.size > settledMax && oldest !== undefined) settled.delete(oldest);
    },
    withdraw: (key) => void pending.delete(textOf(key)),
  };
}

/** Account ids hold no slash. */
function textOf(key: ClientKey): string {
  return `${key.senderId}/${key.clientMessageId}`;
}
