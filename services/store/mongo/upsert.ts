import type { AnyBulkWriteOperation, Collection, Document, Filter, UpdateFilter } from "mongodb";
import type { MongoDatabase } from "./mongo-database.ts";
import { duplicatesOf } from "./store-fault.ts";

/** A document with a key of ours. */
export interface Keyed extends Document {
  readonly _id: string;
}

/** An update of one document, which is created if it is missing. */
export interface Upsert<Row extends Keyed> {
  readonly key: string;
  /** Beside the key, what a document that is there must meet to be updated. */
  readonly where?: Filter<Row>;
  readonly update: UpdateFilter<Row>;
}

/** How often documents that others make at the same moment are tried again. */
const attemptsMax = 10;

/** Runs updates, those of one document in their order. Each is one atomic step; all of them together are not. */
export async function upsertAll<Row extends Keyed>(
  database: MongoDatabase,
  collection: Collection<Row>,
  upserts: readonly Upsert<Row>[],
): Promise<void> {
  for (const round of roundsOf(upserts)) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await runRound(database, collection, round);
        break;
      } catch (thrown) {
        // Somebody else made one of the documents at that moment: now it is there to be updated.
        if (duplicatesOf(thrown) === undefined || attempt === attemptsMax) throw thrown;
      }
    }
  }
}

/** No order is kept within a bulk write, so that one update does not hold up the others: a key comes once in each. */
function roundsOf<Row extends Keyed>(upserts: readonly Upsert<Row>[]): Upsert<Row>[][] {
  const rounds: Upsert<Row>[][] = [];
  const seen = new Map<string, number>();
  for (const upsert of upserts) {
    const round = seen.get(upsert.key) ?? 0;
    seen.set(upsert.key, round + 1);
    const list = rounds[round];
    if (list === undefined) rounds.push([upsert]);
    else list.push(upsert);
  }
  return rounds;
}

/**
 * What documents that are there may refuse is tried on them first, and only the rest creates some: an upsert would meet the
 * unique index each time that a document refuses. A document that was not there at first may be there a moment later and
 * take the update, so those that are found are tried once more. This rests on none of them ever being removed.
 */
async function runRound<Row extends Keyed>(
  database: MongoDatabase,
  collection: Collection<Row>,
  round: readonly Upsert<Row>[],
): Promise<void> {
  if (round.every(({ where }) => where === undefined)) {
    await bulk(database, collection, round, () => true);
    return;
  }
  const updated = await bulk(database, collection, round, () => false);
  if (updated === round.length) return;
  // The driver's type of a filter cannot be made from parts of a generic document.
  const filter: object = { _id: { $in: round.map(({ key }) => key) } };
  const found = await database.read((bounds) =>
    collection.find(filter, bounds).project<Keyed>({ _id: 1 }).toArray(),
  );
  const existing = new Set(found.map(({ _id }) => _id));
  await bulk(database, collection, round, ({ key }) => !existing.has(key));
}

/** Answers how many documents were there and took the update. */
async function bulk<Row extends Keyed>(
  database: MongoDatabase,
  collection: Collection<Row>,
  upserts: readonly Upsert<Row>[],
  creates: (upsert: Upsert<Row>) => boolean,
): Promise<number> {
  const operations = upserts.map((one): AnyBulkWriteOperation<Row> => {
    // The driver's type of a filter cannot be made from parts of a generic document.
    const filter: object = { _id: one.key, ...one.where };
    return { updateOne: { filter, update: one.update, upsert: creates(one) } };
  });
  const { matchedCount } = await database.write(() => collection.bulkWrite(operations, { ordered: false }));
  return matchedCount;
}
