import type { IdSlotStore } from "../../kernel/ids.ts";
import type { CollectionCopier, IdSlotRow } from "../copy/collections.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { upsertAll } from "./upsert.ts";

/** `_id` is the number of the slot. */
interface IdSlotDocument {
  readonly _id: string;
  readonly mark: bigint;
}

export const idSlotIndexes: CollectionIndexes = { collection: "id_slot", indexes: [] };

/** High-water marks of id slots. */
export function createMongoIdSlotStore(database: MongoDatabase): IdSlotStore {
  const slots = database.collection<IdSlotDocument>(idSlotIndexes.collection);

  /** Takes the span that begins at the mark, one atomic step; undefined when the mark is too low or missing. */
  const take = async (key: string, toAtLeast: bigint, span: number) => {
    const filter = { _id: key, mark: { $gte: toAtLeast } };
    const update = { $inc: { mark: BigInt(span) } };
    const found = await database.write(() =>
      slots.findOneAndUpdate(filter, update, { returnDocument: "after" }),
    );
    return found === null ? undefined : { from: found.mark - BigInt(span), to: found.mark };
  };

  return {
    raise: async (slot, toAtLeast, span) => {
      const key = String(slot);
      const taken = await take(key, toAtLeast, span);
      if (taken !== undefined) return taken;
      await upsertAll(database, slots, [{ key, update: { $max: { mark: toAtLeast } } }]);
      // Marks only grow, so this one is high enough now.
      const raised = await take(key, toAtLeast, span);
      if (raised === undefined) throw new Error(`the mark of id slot ${slot} went back`);
      return raised;
    },
  };
}

/** Marks of id slots for a copy. They are few, and their keys are texts, so they are put in order here. */
export function mongoIdSlotCopier(database: MongoDatabase): CollectionCopier<IdSlotRow> {
  const slots = database.collection<IdSlotDocument>(idSlotIndexes.collection);
  return {
    readPage: async (after, rowsMax) => {
      const found = await database.read((bounds) => slots.find({}, bounds).toArray());
      return found
        .map(({ _id, mark }) => ({ slot: Number(_id), mark }))
        .filter(({ slot }) => after === undefined || slot > Number(after[0]))
        .sort((one, other) => one.slot - other.slot)
        .slice(0, rowsMax);
    },
    writeAll: (rows) =>
      upsertAll(
        database,
        slots,
        rows.map(({ slot, mark }) => ({ key: String(slot), update: { $set: { mark } } })),
      ),
    count: () => database.read(() => slots.estimatedDocumentCount()),
  };
}
