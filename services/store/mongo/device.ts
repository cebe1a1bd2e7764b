import type { Binary } from "mongodb";
import type { DeviceRow, DeviceStore } from "../../account/ports.ts";
import type { CollectionCopier } from "../copy/collections.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { copierOfKeyed } from "./copied-collection.ts";
import { binaryOf, bytesOf } from "./document.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { duplicatesOf } from "./store-fault.ts";

/** `_id` is the device's. */
interface DeviceDocument extends Omit<DeviceRow, "deviceId" | "openRefreshHashes" | "previousRefreshHash"> {
  readonly _id: string;
  readonly openRefreshHashes: readonly Binary[];
  readonly previousRefreshHash: Binary;
}

export const deviceIndexes: CollectionIndexes = {
  collection: "device",
  indexes: [{ key: { accountId: 1, createTimeMs: -1, _id: -1 } }],
};

/** Devices. */
export function createMongoDeviceStore(database: MongoDatabase): DeviceStore {
  const devices = database.collection<DeviceDocument>(deviceIndexes.collection);
  return {
    insert: async (row) => {
      try {
        await database.write(() => devices.insertOne(documentOf(row)));
        return true;
      } catch (thrown) {
        if (duplicatesOf(thrown) === undefined) throw thrown;
        return false;
      }
    },
    read: async (deviceId) => {
      const found = await database.read((bounds) => devices.findOne({ _id: deviceId }, bounds));
      return found === null ? undefined : rowOf(found);
    },
    list: async (accountId) => {
      const sort = { createTimeMs: -1, _id: -1 } as const;
      const found = await database.read((bounds) =>
        devices.find({ accountId }, { ...bounds, sort }).toArray(),
      );
      return found.map(rowOf);
    },
    replace: async (row, expectedVersion) => {
      const filter = { _id: row.deviceId, version: expectedVersion };
      const { matchedCount } = await database.write(() => devices.replaceOne(filter, documentOf(row)));
      return matchedCount === 1;
    },
    remove: async (deviceId, expectedVersion) => {
      const filter = { _id: deviceId, version: expectedVersion };
      const { deletedCount } = await database.write(() => devices.deleteOne(filter));
      return deletedCount === 1;
    },
  };
}

function documentOf({ deviceId, openRefreshHashes, previousRefreshHash, ...row }: DeviceRow): DeviceDocument {
  return {
    _id: deviceId,
    ...row,
    openRefreshHashes: openRefreshHashes.map(binaryOf),
    previousRefreshHash: binaryOf(previousRefreshHash),
  };
}

function rowOf({ _id, openRefreshHashes, previousRefreshHash, ...row }: DeviceDocument): DeviceRow {
  return {
    deviceId: _id,
    ...row,
    openRefreshHashes: openRefreshHashes.map(bytesOf),
    previousRefreshHash: bytesOf(previousRefreshHash),
  };
}

/** Devices for a copy. */
export function mongoDeviceCopier(database: MongoDatabase): CollectionCopier<DeviceRow> {
  return copierOfKeyed<DeviceDocument, DeviceRow>(database, {
    collection: deviceIndexes.collection,
    rowOf,
    upsertOf: (row) => {
      const { _id, ...fields } = documentOf(row);
      return { key: _id, update: { $set: fields } };
    },
  });
}
