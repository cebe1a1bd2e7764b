import type { Collection, WithId } from "mongodb";
import type { MongoDatabase } from "./mongo-database.ts";
import { duplicatesOf } from "./store-fault.ts";
import type { Keyed, Upsert } from "./upsert.ts";

/** How often a document that others make at the same moment is tried again. */
const attemptsMax = 10;

/** Updates one document, which is created if it is missing, and answers it as it is then: one atomic step. */
export async function findAndModify<Row extends Keyed>(
  database: MongoDatabase,
  collection: Collection<Row>,
  { key, update }: Omit<Upsert<Row>, "where">,
): Promise<WithId<Row>> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      // The driver's type of a filter cannot be made from parts of a generic document.
      const filter: object = { _id: key };
      const options = { upsert: true, returnDocument: "after" } as const;
      const found = await database.write(() => collection.findOneAndUpdate(filter, update, options));
      if (found === null) throw new Error(`an upsert of ${collection.collectionName} answered nothing`);
      return found;
    } catch (thrown) {
      // Two may find it missing at once; for the one that was later it is there now.
      if (duplicatesOf(thrown) === undefined || attempt === attemptsMax) throw thrown;
    }
  }
}
