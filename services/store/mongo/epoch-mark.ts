import type { EpochMarkStore, StoreMark } from "../../mesh/ports.ts";
import type { CollectionCopier } from "../copy/collections.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { upsertAll } from "./upsert.ts";

interface EpochMarkDocument extends StoreMark {
  readonly _id: string;
}

export const epochMarkIndexes: CollectionIndexes = { collection: "epoch_mark", indexes: [] };

const documentKey = "mark";
const firstMark: StoreMark = { epoch: 1n, tick: 0n, lineage: [1n] };

/** The store's mark. */
export function createMongoEpochMarkStore(database: MongoDatabase): EpochMarkStore {
  const marks = database.collection<EpochMarkDocument>(epochMarkIndexes.collection);
  return {
    read: async () => {
      const found = await database.read((bounds) => marks.findOne({ _id: documentKey }, bounds));
      const { epoch, tick, lineage } = found ?? firstMark;
      return { epoch, tick, lineage };
    },
    raise: async (from, to) => {
      if (from.epoch === firstMark.epoch && from.tick === firstMark.tick) {
        await upsertAll(database, marks, [{ key: documentKey, update: { $setOnInsert: { ...firstMark } } }]);
      }
      const filter = { _id: documentKey, epoch: from.epoch, tick: from.tick };
      const update = { $set: { epoch: to.epoch, tick: to.tick, lineage: to.lineage } };
      const { matchedCount } = await database.write(() => marks.updateOne(filter, update));
      return matchedCount === 1;
    },
  };
}

/** The mark for a copy. */
export function mongoEpochMarkCopier(database: MongoDatabase): CollectionCopier<StoreMark> {
  const marks = database.collection<EpochMarkDocument>(epochMarkIndexes.collection);
  return {
    readPage: async (after) => {
      const found = await database.read((bounds) => marks.findOne({ _id: documentKey }, bounds));
      if (found === null || after !== undefined) return [];
      const { epoch, tick, lineage } = found;
      // Written before it is raised first, and the same as none.
      return epoch === firstMark.epoch && tick === firstMark.tick ? [] : [{ epoch, tick, lineage }];
    },
    writeAll: (rows) =>
      upsertAll(
        database,
        marks,
        rows.map(({ epoch, tick, lineage }) => ({
          key: documentKey,
          update: { $set: { epoch, tick, lineage } },
        })),
      ),
    count: async () => 1,
  };
}
