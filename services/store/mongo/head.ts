import type { Filter } from "mongodb";
import type { HeadRow, HeadStore } from "../../message/ports.ts";
import type { CollectionCopier } from "../copy/collections.ts";
import { changeTimeUpdate } from "./change-time.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { copierOfKeyed } from "./copied-collection.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { upsertAll } from "./upsert.ts";

/** `_id` is the conversation's. */
export interface HeadDocument extends Omit<HeadRow, "conversationId"> {
  readonly _id: string;
  /** By the clock of the primary. */
  readonly changedAt: Date;
}

export const headIndexes: CollectionIndexes = {
  collection: "head",
  indexes: [
    { key: { memberLow: 1 } },
    { key: { memberHigh: 1 } },
    // Answers a look at changes without a document.
    { key: { changedAt: 1, _id: 1, headSeq: 1, appliedSeq: 1, memberLow: 1, memberHigh: 1 } },
  ],
};

/** Heads rows. */
export function createMongoHeadStore(database: MongoDatabase): HeadStore {
  const heads = database.collection<HeadDocument>(headIndexes.collection);

  const find = async (filter: Filter<HeadDocument>): Promise<HeadRow[]> =>
    (await database.read((bounds) => heads.find(filter, bounds).toArray())).map(rowOf);

  return {
    read: async (conversationIds) =>
      conversationIds.length === 0 ? [] : find({ _id: { $in: [...conversationIds] } }),
    raise: (rows) =>
      upsertAll(
        database,
        heads,
        rows.map(({ conversationId, memberLow, memberHigh, ...numbers }) => ({
          key: conversationId,
          update: { $max: numbers, $setOnInsert: { memberLow, memberHigh }, ...changeTimeUpdate },
        })),
      ),
    listDirect: async (accountId) =>
      accountId === "" ? [] : find({ $or: [{ memberLow: accountId }, { memberHigh: accountId }] }),
  };
}

function rowOf(document: HeadDocument): HeadRow {
  const { _id, headSeq, messageOrdinal, appliedSeq, changeTimeMs, memberLow, memberHigh } = document;
  return { conversationId: _id, headSeq, messageOrdinal, appliedSeq, changeTimeMs, memberLow, memberHigh };
}

/** Heads rows for a copy; they count as changed when they are written. */
export function mongoHeadCopier(database: MongoDatabase): CollectionCopier<HeadRow> {
  return copierOfKeyed<HeadDocument, HeadRow>(database, {
    collection: headIndexes.collection,
    rowOf,
    upsertOf: ({ conversationId, ...row }) => ({
      key: conversationId,
      update: { $set: row, ...changeTimeUpdate },
    }),
  });
}
