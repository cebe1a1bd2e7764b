import type { EpochHeadStore } from "../../message/ports.ts";
import type { CollectionCopier, EpochHeadRow } from "../copy/collections.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { copierByConversation } from "./copied-collection.ts";
import { keyOf } from "./document.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { upsertAll } from "./upsert.ts";

/** `_id` is conversation and epoch. */
interface EpochHeadDocument {
  readonly _id: string;
  readonly conversationId: string;
  readonly epoch: bigint;
  readonly head: bigint;
}

export const epochHeadIndexes: CollectionIndexes = {
  collection: "epoch_head",
  indexes: [{ key: { conversationId: 1, epoch: 1, head: 1 } }],
};

/** Heads at the beginning of epochs. */
export function createMongoEpochHeadStore(database: MongoDatabase): EpochHeadStore {
  const heads = database.collection<EpochHeadDocument>(epochHeadIndexes.collection);
  return {
    record: (conversationId, epoch, head) =>
      upsertAll(database, heads, [
        {
          key: keyOf(conversationId, String(epoch)),
          update: { $setOnInsert: { conversationId, epoch, head } },
        },
      ]),
    lowestAbove: async (conversationIds, epoch) => {
      const filter = { conversationId: { $in: [...conversationIds] }, epoch: { $gt: epoch } };
      const options = { projection: { _id: 0, conversationId: 1, head: 1 } } as const;
      const found = await database.read((bounds) => heads.find(filter, { ...bounds, ...options }).toArray());
      const lowest = new Map<string, bigint>();
      for (const { conversationId, head } of found) {
        if (head < (lowest.get(conversationId) ?? head + 1n)) lowest.set(conversationId, head);
      }
      return lowest;
    },
  };
}

/** Heads of epochs for a copy. */
export function mongoEpochHeadCopier(database: MongoDatabase): CollectionCopier<EpochHeadRow> {
  const heads = database.collection<EpochHeadDocument>(epochHeadIndexes.collection);
  return copierByConversation(database, heads, {
    number: "epoch",
    rowOf: ({ conversationId, epoch, head }) => ({ conversationId, epoch, head }),
    writeAll: (rows) =>
      upsertAll(
        database,
        heads,
        rows.map((row) => ({ key: keyOf(row.conversationId, String(row.epoch)), update: { $set: row } })),
      ),
  });
}
