/**
 * Named secrets of the whole installation that never change: 32 random bytes each, made at first use and kept in the
 * store. They sign what must hold on every node and for ever (digests of entries, refresh tokens, resume tickets).
 */
export interface SecretKeyStore {
  /** The key of this name; made from `candidate` if there was none. All callers get the same bytes. */
  readOrCreate(name: string, candidate: Uint8Array): Promise<Uint8Array>;
}
