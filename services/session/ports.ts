/** What attached sessions need from a store and from their surroundings. */

export interface GenerationStore {
  /** Raises the device's generation by one and returns it; 1 for the first attach. */
  raise(accountId: string, deviceId: string): Promise<bigint>;
}

/** Brings rows outside the log up to date, by the message domain. */
export interface EffectSettler {
  /** Finishes the effects of each conversation up to its log's head, then resolves. At most 1,000 ids a call. */
  settle(conversationIds: readonly string[]): Promise<void>;
}

/** The epoch of the store, as far as this node knows; by the node. 1 until a backup was restored. */
export interface EpochSource {
  current(): bigint;
  /**
   * The epoch is one of the store's own history: up to some entry, each log of that epoch is in the store. Otherwise the
   * store that was in that epoch has been replaced as a whole, and nothing is known of what it held.
   */
  isOwn(epoch: bigint): boolean;
  /** Somebody names an epoch above `current`: finds out whether there is one by now. Never rejects. */
  refresh(): Promise<void>;
}

/** The opaque version of an account's conversations, by the message domain. */
export interface VersionSource {
  conversations(accountId: string): Promise<string>;
}

/** Where an entry stands. */
export interface EntryPlace {
  readonly conversationId: string;
  readonly seq: bigint;
}

/** Remembers which entries came to which devices, for `parley explain`; by the node. Cheap, and never throws. */
export interface DeliveryTrace {
  /** The entry goes into a device's stream, or into the answer of its Poll; `redelivered` when it did before. */
  pushed(device: TracedDevice, entry: EntryPlace & { readonly redelivered: boolean }, wallMs: number): void;
  acknowledged(device: TracedDevice, entry: EntryPlace, wallMs: number): void;
  /** The entry was read for devices of this node because its event had not come. */
  repaired(entry: EntryPlace, wallMs: number): void;
}

/** Whose device it is. */
export interface TracedDevice {
  readonly accountId: string;
  readonly deviceId: string;
}

/** Checks an access token, by the account domain. Throws a Fault (TOKEN_INVALID, TOKEN_EXPIRED, DEVICE_REVOKED). */
export interface TokenVerifier {
  verify(
    token: string,
  ): Promise<{ readonly accountId: string; readonly deviceId: string; readonly tokenExpireMs: number }>;
}
