/** What the account domain needs from a store. Both adapters pass services/store/contract. */

export interface AccountRow {
  readonly accountId: string;
  readonly handle: string;
  readonly displayName: string;
  /** A PHC string of Argon2id. */
  readonly passwordHash: string;
  /** Changes with every change of the row. */
  readonly version: bigint;
  readonly createTimeMs: number;
  /**
   * Of the Register call, lower case: a repeated call finds its account. Imported accounts get a random one, so
   * that the unique index has a value in every row.
   */
  readonly requestId: string;
}

/** A logged-in installation and the state of its refresh tokens (family). Tokens are stored hashed only. */
export interface DeviceRow {
  readonly accountId: string;
  readonly deviceId: string;
  readonly displayName: string;
  readonly createTimeMs: number;
  readonly activeTimeMs: number;
  /** Grows with each Login under this id; access tokens of an earlier login are refused. */
  readonly loginCount: number;
  /** The number of the newest refresh token; 1 after Login, one more with each exchange of a newest one. */
  readonly refreshCount: number;
  /**
   * Hashes (32 bytes each, oldest first) of the refresh tokens with that number: one, or more when the previous
   * one was presented again because answers were lost or late. Any of them may be the one that the client holds.
   */
  readonly openRefreshHashes: readonly Uint8Array[];
  /** Hash of the token that was exchanged for these; empty when there is none. */
  readonly previousRefreshHash: Uint8Array;
  readonly refreshExpireMs: number;
  /** Logged out or revoked. The row stays, so that the device may log in again under its id. */
  readonly revoked: boolean;
  /** Compare-and-set token of the row. */
  readonly version: bigint;
}

/** Stores need not tell which unique index was met (not all can): read back by request id and by handle. */
export type InsertOutcome = "inserted" | "taken";

export interface AccountStore {
  /** Unique indexes: account id, handle, request id. */
  insert(row: AccountRow): Promise<InsertOutcome>;
  readById(accountId: string): Promise<AccountRow | undefined>;
  readByHandle(handle: string): Promise<AccountRow | undefined>;
  readByRequestId(requestId: string): Promise<AccountRow | undefined>;
  /** Those of the accounts that exist; at most 1,000 ids. */
  existing(accountIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Replaces the row if its version is still `expectedVersion`; false otherwise. */
  replace(row: AccountRow, expectedVersion: bigint): Promise<boolean>;
  /** Removes the account and all of its devices. */
  remove(accountId: string): Promise<void>;
  /** Handles that start with `prefix` and are greater than `afterHandle`, ascending. */
  search(prefix: string, afterHandle: string, limit: number): Promise<AccountRow[]>;
}

export interface DeviceStore {
  /** Unique index: device id. False when the id is taken. */
  insert(row: DeviceRow): Promise<boolean>;
  read(deviceId: string): Promise<DeviceRow | undefined>;
  /** The account's devices, revoked ones included, newest first (by create time, then by id). */
  list(accountId: string): Promise<DeviceRow[]>;
  /** Replaces the row if its version is still `expectedVersion`; false otherwise. */
  replace(row: DeviceRow, expectedVersion: bigint): Promise<boolean>;
  /** Removes the row if its version is still `expectedVersion`; false otherwise. */
  remove(deviceId: string, expectedVersion: bigint): Promise<boolean>;
}

/** A key that signs access tokens. At most two are valid at a time. */
export interface SigningKeyRow {
  /** Names the key in a token's header. */
  readonly keyId: string;
  /** PKCS #8, PEM. */
  readonly privateKey: string;
  /** SubjectPublicKeyInfo, PEM. */
  readonly publicKey: string;
  readonly createTimeMs: number;
}

export interface SigningKeyStore {
  /** Newest first: the one added last, whatever the clocks of those who added them said. */
  list(): Promise<SigningKeyRow[]>;
  /** Adds a key if the store holds none yet (`onlyIfEmpty`), or always, and drops all but the two newest. */
  add(row: SigningKeyRow, onlyIfEmpty: boolean): Promise<void>;
}

/** Tells everybody that devices were ended, so that their streams close and their cached tokens are dropped. */
export interface RevocationSink {
  /** `deviceIds` undefined means all devices of the account. */
  revoked(accountId: string, deviceIds: readonly string[] | undefined): void;
}
