import { type CopyEnd, type CopyMarkStore, isCollectionName } from "../copy/collections.ts";
import { mongoAccountCopier } from "./account.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { mongoDeviceCopier } from "./device.ts";
import { mongoEntryCopier } from "./entry.ts";
import { mongoEpochHeadCopier } from "./epoch-head.ts";
import { mongoEpochMarkCopier } from "./epoch-mark.ts";
import { mongoGenerationCopier } from "./generation.ts";
import { mongoHeadCopier } from "./head.ts";
import { mongoIdSlotCopier } from "./id-slot.ts";
import { mongoGroupCopier, mongoMembershipCopier } from "./membership.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { mongoPersonalCopier } from "./personal.ts";
import { mongoSecretKeyCopier } from "./secret-key.ts";
import { mongoSigningKeyCopier } from "./signing-key.ts";
import { upsertAll } from "./upsert.ts";

interface CopyMarkDocument {
  readonly _id: string;
  readonly source: string;
  readonly collection: string;
  /** Null before the first row. */
  readonly after: readonly string[] | null;
}

export const storeCopyIndexes: CollectionIndexes = { collection: "store_copy", indexes: [] };

const documentKey = "copy";

/** A database as an end of a copy. */
export function mongoCopyEnd(database: MongoDatabase): CopyEnd {
  return {
    copiers: {
      account: mongoAccountCopier(database),
      device: mongoDeviceCopier(database),
      signing_key: mongoSigningKeyCopier(database),
      secret_key: mongoSecretKeyCopier(database),
      id_slot: mongoIdSlotCopier(database),
      generation: mongoGenerationCopier(database),
      entry: mongoEntryCopier(database),
      head: mongoHeadCopier(database),
      membership: mongoMembershipCopier(database),
      conversation_group: mongoGroupCopier(database),
      personal: mongoPersonalCopier(database),
      epoch_head: mongoEpochHeadCopier(database),
      epoch_mark: mongoEpochMarkCopier(database),
    },
    mark: createMongoCopyMark(database),
    stop: () => database.stop(),
  };
}

/** One document while a copy to this database is unfinished. */
export function createMongoCopyMark(database: MongoDatabase): CopyMarkStore {
  const marks = database.collection<CopyMarkDocument>(storeCopyIndexes.collection);
  return {
    read: async () => {
      const found = await database.read((bounds) => marks.findOne({ _id: documentKey }, bounds));
      if (found === null) return undefined;
      const { source, collection, after } = found;
      if (!isCollectionName(collection)) throw new Error(`there is no collection ${collection}`);
      return { source, collection, after: after ?? undefined };
    },
    put: ({ source, collection, after }) =>
      upsertAll(database, marks, [
        { key: documentKey, update: { $set: { source, collection, after: after ?? null } } },
      ]),
    remove: async () => {
      await database.write(() => marks.deleteOne({ _id: documentKey }));
    },
  };
}
