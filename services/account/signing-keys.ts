import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  exportPKCS8,
  exportSPKI,
  generateKeyPair,
  importPKCS8,
  importSPKI,
  type JWK,
} from "jose";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { Logger } from "../kernel/logger.ts";
import { signingKeysAgeMsMax, unknownKeyReadIntervalMs } from "./limits.ts";
import type { SigningKeyRow, SigningKeyStore } from "./ports.ts";

/** The one algorithm of access tokens. */
export const accessTokenAlgorithm = "RS256";

/** A key that is ready for use. */
export interface SigningKey {
  readonly keyId: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** A JSON Web Key Set (RFC 7517, section 5). */
export interface KeySet {
  readonly keys: readonly JWK[];
}

/** The keys of the installation, as this node knows them. */
export interface SigningKeys {
  /** The one that signs: the newest. */
  newest(): Promise<SigningKey>;
  /** The public key with this id, undefined when no valid key has it. Rejects with STORE_UNAVAILABLE when it cannot know. */
  verifying(keyId: string): Promise<CryptoKey | undefined>;
  /** The public keys that verify, newest first. */
  keySet(): Promise<KeySet>;
  /** Makes a new key that signs from now on here, and within `signingKeysAgeMsMax` on other nodes. Returns its id. */
  rotate(): Promise<string>;
}

/** What signing keys work with. */
export interface SigningKeysOptions {
  readonly store: SigningKeyStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Reads the keys, and makes the first one if the store holds none. Rejects as the store does. */
export async function openSigningKeys(options: SigningKeysOptions): Promise<SigningKeys> {
  const { store, clock, logger } = options;
  if ((await store.list()).length === 0) await store.add(await makeSigningKey(clock), true);
  let keys: readonly SigningKey[] = await readKeys(store, []);
  let readMs = clock.monotonicMs();
  let lastReadFailed = false;
  let reading: Promise<void> | undefined;

  const read = async (): Promise<void> => {
    try {
      keys = await readKeys(store, keys);
      lastReadFailed = false;
    } catch (error) {
      // The keys at hand go on: they are replaced by command only, and the store may be away for long.
      lastReadFailed = true;
      logger.warn("the signing keys could not be read again", {
        error: error instanceof Error ? error : String(error),
      });
    } finally {
      readMs = clock.monotonicMs();
      reading = undefined;
    }
  };

  const keysNotOlderThan = async (ageMsMax: number): Promise<readonly SigningKey[]> => {
    if (clock.monotonicMs() - readMs >= ageMsMax) await (reading ??= read());
    return keys;
  };

  const find = (keyId: string): CryptoKey | undefined => keys.find((key) => key.keyId === keyId)?.publicKey;

  return {
    newest: async () => {
      const [key] = await keysNotOlderThan(signingKeysAgeMsMax);
      if (key === undefined) throw new Error("the store has lost its signing keys");
      return key;
    },
    verifying: async (keyId) => {
      await keysNotOlderThan(signingKeysAgeMsMax);
      if (find(keyId) === undefined) await keysNotOlderThan(unknownKeyReadIntervalMs);
      const key = find(keyId);
      if (key === undefined && lastReadFailed) throw keysUnavailable();
      return key;
    },
    keySet: async () => ({
      keys: await Promise.all((await keysNotOlderThan(signingKeysAgeMsMax)).map(publicJwk)),
    }),
    rotate: async () => {
      const row = await makeSigningKey(clock);
      await store.add(row, false);
      keys = await readKeys(store, keys);
      readMs = clock.monotonicMs();
      logger.info("a new signing key is in force", { key_id: row.keyId });
      return row.keyId;
    },
  };
}

/** Makes a key; its id is its thumbprint (RFC 7638), so that two keys never share one. */
export async function makeSigningKey(clock: Clock): Promise<SigningKeyRow> {
  const pair = await generateKeyPair(accessTokenAlgorithm, { extractable: true });
  return {
    keyId: await calculateJwkThumbprint(await exportJWK(pair.publicKey)),
    privateKey: await exportPKCS8(pair.privateKey),
    publicKey: await exportSPKI(pair.publicKey),
    createTimeMs: clock.wallMs(),
  };
}

/** Imports the rows, but takes those that are `known` as they are. */
async function readKeys(store: SigningKeyStore, known: readonly SigningKey[]): Promise<SigningKey[]> {
  const rows = await store.list();
  return Promise.all(rows.map(async (row) => known.find((key) => key.keyId === row.keyId) ?? importKey(row)));
}

async function importKey(row: SigningKeyRow): Promise<SigningKey> {
  return {
    keyId: row.keyId,
    privateKey: await importPKCS8(row.privateKey, accessTokenAlgorithm),
    publicKey: await importSPKI(row.publicKey, accessTokenAlgorithm, { extractable: true }),
  };
}

async function publicJwk(key: SigningKey): Promise<JWK> {
  return { ...(await exportJWK(key.publicKey)), kid: key.keyId, alg: accessTokenAlgorithm, use: "sig" };
}

function keysUnavailable(): Fault {
  return new Fault(ErrorReason.STORE_UNAVAILABLE, "the signing keys cannot be read now", {
    retryDelayMs: 1_000,
  });
}
