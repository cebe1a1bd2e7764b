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

/** The opaque version of an account's conversations, by the message domain. */
export interface VersionSource {
  conversations(accountId: string): Promise<string>;
}

/** Checks an access token, by the account domain. Throws a Fault (TOKEN_INVALID, TOKEN_EXPIRED, DEVICE_REVOKED). */
export interface TokenVerifier {
  verify(
    token: string,
  ): Promise<{ readonly accountId: string; readonly deviceId: string; readonly tokenExpireMs: number }>;
}
