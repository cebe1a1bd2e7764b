import type { SigningKeyRow, SigningKeyStore } from "../../account/ports.ts";
import type { CollectionCopier, RankedSigningKey } from "../copy/collections.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { upsertAll } from "./upsert.ts";

/** All valid keys, in one document: adding one and dropping the oldest is one atomic step. */
interface SigningKeysDocument {
  readonly _id: string;
  /** One more with each change. */
  readonly revision: bigint;
  /** Newest first; missing while there is none. */
  readonly keys?: readonly SigningKeyRow[];
}

export const signingKeyIndexes: CollectionIndexes = { collection: "signing_key", indexes: [] };

const documentKey = "keys";

/** How often a change is tried again because somebody else made one at that moment. */
const attemptsMax = 20;

/** Signing keys. */
export function createMongoSigningKeyStore(database: MongoDatabase): SigningKeyStore {
  const documents = database.collection<SigningKeysDocument>(signingKeyIndexes.collection);

  const read = (): Promise<SigningKeysDocument | null> =>
    database.read((bounds) => documents.findOne({ _id: documentKey }, bounds));

  return {
    list: async () => [...((await read())?.keys ?? [])],
    add: async ({ keyId, privateKey, publicKey, createTimeMs }, onlyIfEmpty) => {
      await upsertAll(database, documents, [
        { key: documentKey, update: { $setOnInsert: { revision: 0n } } },
      ]);
      for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
        const { revision = 0n, keys = [] } = (await read()) ?? {};
        // It may be there because nobody knew that, and it was added again.
        if ((onlyIfEmpty && keys.length > 0) || keys.some((key) => key.keyId === keyId)) return;
        const row = { keyId, privateKey, publicKey, createTimeMs };
        const update = { $set: { revision: revision + 1n, keys: [row, ...keys].slice(0, 2) } };
        const filter = { _id: documentKey, revision };
        const { matchedCount } = await database.write(() => documents.updateOne(filter, update));
        if (matchedCount === 1) return;
      }
      throw new Error(`a signing key could not be added: others did so ${attemptsMax} times meanwhile`);
    },
  };
}

/** Signing keys for a copy: all of them in one page, the one added first at its beginning. */
export function mongoSigningKeyCopier(database: MongoDatabase): CollectionCopier<RankedSigningKey> {
  const documents = database.collection<SigningKeysDocument>(signingKeyIndexes.collection);
  const readAll = async (): Promise<RankedSigningKey[]> => {
    const found = await database.read((bounds) => documents.findOne({ _id: documentKey }, bounds));
    return (found?.keys ?? []).toReversed().map((key, rank) => ({ ...key, rank }));
  };
  return {
    readPage: async (after) =>
      (await readAll()).filter(({ rank }) => after === undefined || rank > Number(after[0])),
    writeAll: (rows) => {
      const keys = rows.toReversed().map(({ keyId, privateKey, publicKey, createTimeMs }) => ({
        keyId,
        privateKey,
        publicKey,
        createTimeMs,
      }));
      return upsertAll(database, documents, [
        { key: documentKey, update: { $set: { keys, revision: BigInt(keys.length) } } },
      ]);
    },
    count: async () => (await readAll()).length,
  };
}
