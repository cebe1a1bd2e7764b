import type { PersonalRow, PersonalStore } from "../../message/ports.ts";
import type { CollectionCopier } from "../copy/collections.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { copierOfKeyed } from "./copied-collection.ts";
import { keyOf } from "./document.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { upsertAll } from "./upsert.ts";

/** `_id` is account and conversation. */
interface PersonalDocument extends PersonalRow {
  readonly _id: string;
}

export const personalIndexes: CollectionIndexes = {
  collection: "personal",
  indexes: [{ key: { accountId: 1, version: 1 } }],
};

/** Personal rows. */
export function createMongoPersonalStore(database: MongoDatabase): PersonalStore {
  const personal = database.collection<PersonalDocument>(personalIndexes.collection);
  return {
    read: async (accountId, conversationIds) => {
      if (conversationIds.length === 0) return [];
      const filter = { _id: { $in: conversationIds.map((id) => keyOf(accountId, id)) } };
      const found = await database.read((bounds) => personal.find(filter, bounds).toArray());
      return found.map(({ _id, ...row }) => row);
    },
    newestVersion: async (accountId) => {
      const options = { sort: { version: -1 }, projection: { _id: 0, version: 1 } } as const;
      const newest = await database.read((bounds) =>
        personal.findOne({ accountId }, { ...bounds, ...options }),
      );
      return newest?.version ?? 0n;
    },
    raiseReadCursors: (rows) =>
      upsertAll(
        database,
        personal,
        rows.map(({ accountId, conversationId, readSeq, readOrdinal, version }) => ({
          key: keyOf(accountId, conversationId),
          where: { $or: [{ readSeq: { $lt: readSeq } }, { readOrdinal: { $lt: readOrdinal } }] },
          update: {
            $max: { readSeq, readOrdinal },
            $set: { version },
            $setOnInsert: { accountId, conversationId, muteEndMs: 0 },
          },
        })),
      ),
    setMute: ({ accountId, conversationId, muteEndMs, version }) =>
      upsertAll(database, personal, [
        {
          key: keyOf(accountId, conversationId),
          update: {
            $set: { muteEndMs, version },
            $setOnInsert: { accountId, conversationId, readSeq: 0n, readOrdinal: 0n },
          },
        },
      ]),
  };
}

/** Personal rows for a copy. */
export function mongoPersonalCopier(database: MongoDatabase): CollectionCopier<PersonalRow> {
  return copierOfKeyed<PersonalDocument, PersonalRow>(database, {
    collection: personalIndexes.collection,
    rowOf: ({ _id, ...row }) => row,
    upsertOf: (row) => ({ key: keyOf(row.accountId, row.conversationId), update: { $set: row } }),
  });
}
