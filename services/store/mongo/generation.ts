import type { GenerationStore } from "../../session/ports.ts";
import type { CollectionCopier, GenerationRow } from "../copy/collections.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { copierOfKeyed } from "./copied-collection.ts";
import { keyOf, partsOf } from "./document.ts";
import { findAndModify } from "./find-and-modify.ts";
import type { MongoDatabase } from "./mongo-database.ts";

/** `_id` is account and device. */
interface GenerationDocument {
  readonly _id: string;
  readonly generation: bigint;
}

export const generationIndexes: CollectionIndexes = { collection: "generation", indexes: [] };

/** Generations of devices. */
export function createMongoGenerationStore(database: MongoDatabase): GenerationStore {
  const generations = database.collection<GenerationDocument>(generationIndexes.collection);
  return {
    raise: async (accountId, deviceId) => {
      const key = keyOf(accountId, deviceId);
      const raised = await findAndModify(database, generations, {
        key,
        update: { $inc: { generation: 1n } },
      });
      return raised.generation;
    },
  };
}

/** Generations for a copy. */
export function mongoGenerationCopier(database: MongoDatabase): CollectionCopier<GenerationRow> {
  return copierOfKeyed<GenerationDocument, GenerationRow>(database, {
    collection: generationIndexes.collection,
    rowOf: ({ _id, generation }) => {
      const [accountId = "", deviceId = ""] = partsOf(_id);
      return { accountId, deviceId, generation };
    },
    upsertOf: ({ accountId, deviceId, generation }) => ({
      key: keyOf(accountId, deviceId),
      update: { $set: { generation } },
    }),
  });
}
