import type { Collection, Document, WithId } from "mongodb";
import type { CollectionCopier, RowKey } from "../copy/collections.ts";
import { keyOf } from "./document.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { type Keyed, type Upsert, upsertAll } from "./upsert.ts";

/** A collection whose `_id` is the key of its rows, joined by `keyOf`. */
export interface KeyedCollection<Row extends Keyed, Copied> {
  readonly collection: string;
  readonly rowOf: (document: Row) => Copied;
  readonly upsertOf: (row: Copied) => Upsert<Row>;
}

/**
 * Pages through a collection by `_id`. That is the order of the rows' keys, which other kinds of stores have, because the
 * ids of one kind that come first in a key are of one length.
 */
export function copierOfKeyed<Row extends Keyed, Copied>(
  database: MongoDatabase,
  { collection: name, rowOf, upsertOf }: KeyedCollection<Row, Copied>,
): CollectionCopier<Copied> {
  const collection = database.collection<Row>(name);
  return {
    readPage: async (after, rowsMax) => {
      const filter = after === undefined ? {} : { _id: { $gt: keyOf(...after) } };
      const options = { sort: { _id: 1 }, limit: rowsMax } as const;
      return (await findAll<Row, Row>(database, collection, filter, options)).map(rowOf);
    },
    writeAll: (rows) => upsertAll(database, collection, rows.map(upsertOf)),
    count: () => database.read(() => collection.estimatedDocumentCount()),
  };
}

/** A collection whose rows are numbered within conversations, with an index of both. */
export interface NumberedCollection<Row, Copied> {
  /** The field with the number. */
  readonly number: string;
  readonly rowOf: (document: WithId<Row>) => Copied;
  readonly writeAll: (rows: readonly Copied[]) => Promise<void>;
}

/** Pages by conversation and number: first the rest of the conversation, then those after it, each one range of the index. */
export function copierByConversation<Row extends Document, Copied>(
  database: MongoDatabase,
  collection: Collection<Row>,
  { number, rowOf, writeAll }: NumberedCollection<Row, Copied>,
): CollectionCopier<Copied> {
  const find = (filter: object, limit: number) =>
    findAll<Row, WithId<Row>>(database, collection, filter, {
      sort: { conversationId: 1, [number]: 1 },
      limit,
    });
  return {
    readPage: async (after, rowsMax) => {
      const rows: WithId<Row>[] = [];
      for (const filter of rangesAfter(after, number)) {
        // A limit of 0 would be none.
        if (rows.length < rowsMax) rows.push(...(await find(filter, rowsMax - rows.length)));
      }
      return rows.map(rowOf);
    },
    writeAll,
    count: () => database.read(() => collection.estimatedDocumentCount()),
  };
}

function rangesAfter(after: RowKey | undefined, number: string): readonly object[] {
  if (after === undefined) return [{}];
  const [conversationId = "", at = "0"] = after;
  return [{ conversationId, [number]: { $gt: BigInt(at) } }, { conversationId: { $gt: conversationId } }];
}

/** `Found` is `Row`, or `Row` with the `_id` of the server. The driver's type of a filter cannot be made for a generic one. */
function findAll<Row extends Document, Found extends Document>(
  database: MongoDatabase,
  collection: Collection<Row>,
  filter: object,
  options: { readonly sort: Readonly<Record<string, 1>>; readonly limit: number },
): Promise<Found[]> {
  return database.read((bounds) =>
    collection
      .find(filter, { ...bounds, ...options })
      .project<Found>({})
      .toArray(),
  );
}
