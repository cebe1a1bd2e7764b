import type { Binary, Filter, FindCursor, WithId } from "mongodb";
import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../../kernel/fault.ts";
import type { AppendOutcome, ClientKey, EntryLogStore, EntryRow, PageLimit } from "../../message/ports.ts";
import type { CollectionCopier } from "../copy/collections.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { copierByConversation } from "./copied-collection.ts";
import { binaryOf, bytesOf } from "./document.ts";
import { mongoLimits } from "./limits.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { duplicatesOf } from "./store-fault.ts";

interface EntryDocument extends Omit<EntryRow, "digest" | "bytes"> {
  readonly digest: Binary;
  readonly bytes: Binary;
}

export const entryIndexes: CollectionIndexes = {
  collection: "entry",
  indexes: [
    { key: { conversationId: 1, seq: 1 }, unique: true },
    { key: { conversationId: 1, senderId: 1, clientMessageId: 1 }, unique: true },
  ],
};

/** Entries. An append raises no heads: they are another collection, and there are no transactions here. */
export function createMongoEntryStore(database: MongoDatabase): EntryLogStore {
  const entries = database.collection<EntryDocument>(entryIndexes.collection);

  const find = (filter: Filter<EntryDocument>, order: 1 | -1, limit: PageLimit): Promise<EntryRow[]> =>
    database.read((bounds) => {
      const batchSize = Math.min(limit.entriesMax, mongoLimits.batchEntriesMax);
      const options = { ...bounds, batchSize, sort: { seq: order }, limit: limit.entriesMax };
      return readPage(entries.find(filter, options), limit.bytesMax);
    });
  const readLast = (conversationId: string): Promise<EntryRow[]> =>
    find({ conversationId, seq: { $gt: 0n } }, -1, { entriesMax: 1, bytesMax: 0 });

  return {
    append: async (rows) => {
      try {
        await database.write(() => entries.insertMany(rows.map(documentOf), { ordered: true }));
        return { kind: "committed", headsRaised: false };
      } catch (thrown) {
        return outcomeOf(thrown);
      }
    },
    readAfter: (conversationId, afterSeq, limit) =>
      find({ conversationId, seq: { $gt: afterSeq > 0n ? afterSeq : 0n } }, 1, limit),
    readBefore: (conversationId, beforeSeq, limit) =>
      find({ conversationId, seq: { $gt: 0n, $lt: beforeSeq } }, -1, limit),
    readByClientIds: async (conversationId, keys) => {
      if (keys.length === 0) return [];
      const filter = { conversationId, $or: anyOf(keys) };
      return (await database.read((bounds) => entries.find(filter, bounds).toArray())).map(rowOf);
    },
    readLast: async (conversationIds) => {
      const rows: EntryRow[] = [];
      for (let at = 0; at < conversationIds.length; at += mongoLimits.lastReadsMax) {
        const some = conversationIds.slice(at, at + mongoLimits.lastReadsMax);
        rows.push(...(await Promise.all(some.map(readLast))).flat());
      }
      return rows;
    },
  };
}

/** What an append that did not simply succeed came to. */
function outcomeOf(thrown: unknown): AppendOutcome {
  const [index] = duplicatesOf(thrown) ?? [];
  if (index !== undefined) return { kind: "duplicate", index, headsRaised: false };
  const isRefused = thrown instanceof Fault && thrown.reason === ErrorReason.STORE_UNAVAILABLE;
  return { kind: isRefused ? "refused" : "unknown", cause: thrown };
}

/** One branch for each sender, so that each is one range of the index. */
function anyOf(keys: readonly ClientKey[]): Filter<EntryDocument>[] {
  const idsBySender = Map.groupBy(keys, (key) => key.senderId);
  return [...idsBySender].map(([senderId, own]) => ({
    senderId,
    clientMessageId: { $in: own.map((key) => key.clientMessageId) },
  }));
}

async function readPage(cursor: FindCursor<WithId<EntryDocument>>, bytesMax: number): Promise<EntryRow[]> {
  const page: EntryRow[] = [];
  let bytes = 0;
  for await (const document of cursor) {
    const row = rowOf(document);
    page.push(row);
    bytes += row.bytes.length;
    if (bytes > bytesMax) break;
  }
  return page;
}

function documentOf(row: EntryRow): EntryDocument {
  return { ...row, digest: binaryOf(row.digest), bytes: binaryOf(row.bytes) };
}

function rowOf({ _id, digest, bytes, ...row }: WithId<EntryDocument>): EntryRow {
  return { ...row, digest: bytesOf(digest), bytes: bytesOf(bytes) };
}

/** Entries for a copy. */
export function mongoEntryCopier(database: MongoDatabase): CollectionCopier<EntryRow> {
  const entries = database.collection<EntryDocument>(entryIndexes.collection);
  return copierByConversation(database, entries, {
    number: "seq",
    rowOf,
    writeAll: async (rows) => {
      try {
        await database.write(() => entries.insertMany(rows.map(documentOf), { ordered: false }));
      } catch (thrown) {
        // Those that are there were written before the copy was interrupted; all others are written all the same.
        if (duplicatesOf(thrown) === undefined) throw thrown;
      }
    },
  });
}
