import type { Filter } from "mongodb";
import type { AccountRow, AccountStore } from "../../account/ports.ts";
import type { CollectionCopier } from "../copy/collections.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { copierOfKeyed } from "./copied-collection.ts";
import { deviceIndexes } from "./device.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { duplicatesOf } from "./store-fault.ts";

/** `_id` is the account's. */
interface AccountDocument extends Omit<AccountRow, "accountId"> {
  readonly _id: string;
}

export const accountIndexes: CollectionIndexes = {
  collection: "account",
  indexes: [
    { key: { handle: 1 }, unique: true },
    { key: { requestId: 1 }, unique: true },
  ],
};

/** Sorts after every character that a handle may have. */
const afterEveryHandle = "\u{10ffff}";

/** Accounts. Devices are in the same database, and go with a removed account. */
export function createMongoAccountStore(database: MongoDatabase): AccountStore {
  const accounts = database.collection<AccountDocument>(accountIndexes.collection);
  const devices = database.collection(deviceIndexes.collection);

  const readOne = async (filter: Filter<AccountDocument>): Promise<AccountRow | undefined> => {
    const found = await database.read((bounds) => accounts.findOne(filter, bounds));
    return found === null ? undefined : rowOf(found);
  };

  return {
    insert: async ({ accountId, ...row }) => {
      try {
        await database.write(() => accounts.insertOne({ _id: accountId, ...row }));
        return "inserted";
      } catch (thrown) {
        if (duplicatesOf(thrown) === undefined) throw thrown;
        return "taken";
      }
    },
    readById: (accountId) => readOne({ _id: accountId }),
    readByHandle: (handle) => readOne({ handle }),
    readByRequestId: (requestId) => readOne({ requestId }),
    existing: async (accountIds) => {
      const filter = { _id: { $in: [...accountIds] } };
      const found = await database.read((bounds) =>
        accounts.find(filter, { ...bounds, projection: { _id: 1 } }).toArray(),
      );
      return new Set(found.map(({ _id }) => _id));
    },
    replace: async ({ accountId, displayName, passwordHash, version, createTimeMs }, expectedVersion) => {
      const filter = { _id: accountId, version: expectedVersion };
      const update = { $set: { displayName, passwordHash, version, createTimeMs } };
      const { matchedCount } = await database.write(() => accounts.updateOne(filter, update));
      return matchedCount === 1;
    },
    remove: async (accountId) => {
      // Devices first, so that a removal which ends in between can be repeated; then those that logged in meanwhile.
      await database.write(() => devices.deleteMany({ accountId }));
      await database.write(() => accounts.deleteOne({ _id: accountId }));
      await database.write(() => devices.deleteMany({ accountId }));
    },
    search: async (prefix, afterHandle, limit) => {
      const handle = { $gte: prefix, $lt: prefix + afterEveryHandle, $gt: afterHandle };
      const options = { sort: { handle: 1 }, limit } as const;
      const found = await database.read((bounds) =>
        accounts.find({ handle }, { ...bounds, ...options }).toArray(),
      );
      return found.map(rowOf);
    },
  };
}

function rowOf({ _id, ...row }: AccountDocument): AccountRow {
  return { accountId: _id, ...row };
}

/** Accounts for a copy; a row is written as it is. */
export function mongoAccountCopier(database: MongoDatabase): CollectionCopier<AccountRow> {
  return copierOfKeyed<AccountDocument, AccountRow>(database, {
    collection: accountIndexes.collection,
    rowOf,
    upsertOf: ({ accountId, ...row }) => ({ key: accountId, update: { $set: row } }),
  });
}
