import type { Binary } from "mongodb";
import type { SecretKeyStore } from "../../kernel/secret-keys.ts";
import type { CollectionCopier, SecretKeyRow } from "../copy/collections.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { copierOfKeyed } from "./copied-collection.ts";
import { binaryOf, bytesOf } from "./document.ts";
import { findAndModify } from "./find-and-modify.ts";
import type { MongoDatabase } from "./mongo-database.ts";

/** `_id` is the name. */
interface SecretKeyDocument {
  readonly _id: string;
  readonly key: Binary;
}

export const secretKeyIndexes: CollectionIndexes = { collection: "secret_key", indexes: [] };

/** Secret keys. */
export function createMongoSecretKeyStore(database: MongoDatabase): SecretKeyStore {
  const keys = database.collection<SecretKeyDocument>(secretKeyIndexes.collection);
  return {
    readOrCreate: async (name, candidate) => {
      const update = { $setOnInsert: { key: binaryOf(candidate.slice()) } };
      const { key } = await findAndModify(database, keys, { key: name, update });
      return bytesOf(key);
    },
  };
}

/** Secret keys for a copy. */
export function mongoSecretKeyCopier(database: MongoDatabase): CollectionCopier<SecretKeyRow> {
  return copierOfKeyed<SecretKeyDocument, SecretKeyRow>(database, {
    collection: secretKeyIndexes.collection,
    rowOf: ({ _id, key }) => ({ name: _id, key: bytesOf(key) }),
    upsertOf: ({ name, key }) => ({ key: name, update: { $set: { key: binaryOf(key) } } }),
  });
}
