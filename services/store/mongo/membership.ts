import type { Filter } from "mongodb";
import type {
  GroupRow,
  MemberInterval,
  MemberRow,
  MembershipCounts,
  MembershipStore,
} from "../../message/ports.ts";
import type { CollectionCopier } from "../copy/collections.ts";
import { changeTimeUpdate } from "./change-time.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { copierOfKeyed } from "./copied-collection.ts";
import { keyOf } from "./document.ts";
import type { MongoDatabase } from "./mongo-database.ts";
import { type Upsert, upsertAll } from "./upsert.ts";

/** `_id` is conversation and account. */
export interface MemberDocument extends Omit<MemberRow, "intervals"> {
  readonly _id: string;
  readonly intervals: readonly IntervalDocument[];
  /** The last interval is open. */
  readonly isOpen: boolean;
  /** By the clock of the primary. */
  readonly changedAt: Date;
}

interface IntervalDocument {
  readonly from: bigint;
  readonly to: bigint | null;
}

/** `_id` is the conversation's. */
interface GroupDocument extends Omit<GroupRow, "conversationId"> {
  readonly _id: string;
}

export const membershipIndexes: CollectionIndexes = {
  collection: "membership",
  indexes: [
    { key: { conversationId: 1, accountId: 1 } },
    { key: { accountId: 1, version: 1 } },
    { key: { accountId: 1, isOpen: 1 } },
    // Answers a look at changes without a document.
    { key: { changedAt: 1, conversationId: 1, accountId: 1, seenSeq: 1 } },
  ],
};

export const groupIndexes: CollectionIndexes = { collection: "conversation_group", indexes: [] };

/** Memberships and groups. */
export function createMongoMembershipStore(database: MongoDatabase): MembershipStore & MembershipCounts {
  const members = database.collection<MemberDocument>(membershipIndexes.collection);
  const groups = database.collection<GroupDocument>(groupIndexes.collection);

  const find = async (filter: Filter<MemberDocument>): Promise<MemberRow[]> => {
    const sort = { accountId: 1 } as const;
    const found = await database.read((bounds) => members.find(filter, { ...bounds, sort }).toArray());
    return found.map(rowOf);
  };

  return {
    ofConversation: (conversationId) => find({ conversationId }),
    ofAccount: (accountId) => find({ accountId }),
    read: async (conversationIds, accountId) => {
      if (conversationIds.length === 0) return [];
      return find({ _id: { $in: conversationIds.map((id) => keyOf(id, accountId)) } });
    },
    newestVersion: async (accountId) => {
      const options = { sort: { version: -1 }, projection: { _id: 0, version: 1 } } as const;
      const newest = await database.read((bounds) =>
        members.findOne({ accountId }, { ...bounds, ...options }),
      );
      return newest?.version ?? 0n;
    },
    countOpen: async (accountIds) => {
      const pipeline = [
        { $match: { accountId: { $in: [...accountIds] }, isOpen: true } },
        { $group: { _id: "$accountId", count: { $sum: 1 } } },
      ];
      const counts = await database.read((bounds) =>
        members.aggregate<{ _id: string; count: number }>(pipeline, bounds).toArray(),
      );
      return new Map(counts.map(({ _id, count }) => [_id, count]));
    },
    apply: (rows) => upsertAll(database, members, rows.map(upsertOf)),
    putGroup: ({ conversationId, ...group }) =>
      upsertAll(database, groups, [{ key: conversationId, update: { $setOnInsert: group } }]),
    readGroups: async (conversationIds) => {
      if (conversationIds.length === 0) return [];
      const filter = { _id: { $in: [...conversationIds] } };
      const found = await database.read((bounds) => groups.find(filter, bounds).toArray());
      return found.map(groupOf);
    },
  };
}

function upsertOf({ conversationId, accountId, intervals, ...row }: MemberRow): Upsert<MemberDocument> {
  const isOpen = isOpenOf(intervals);
  return {
    key: keyOf(conversationId, accountId),
    where: { seenSeq: { $lt: row.seenSeq } },
    update: {
      $set: { ...row, intervals: intervals.map(intervalDocumentOf), isOpen },
      $setOnInsert: { conversationId, accountId },
      ...changeTimeUpdate,
    },
  };
}

function intervalDocumentOf({ from, to }: MemberInterval): IntervalDocument {
  return { from, to: to ?? null };
}

function rowOf({ conversationId, accountId, intervals, role, seenSeq, version }: MemberDocument): MemberRow {
  return {
    conversationId,
    accountId,
    intervals: intervals.map(({ from, to }) => ({ from, to: to ?? undefined })),
    role,
    seenSeq,
    version,
  };
}

function isOpenOf(intervals: readonly MemberInterval[]): boolean {
  return intervals.length > 0 && intervals.at(-1)?.to === undefined;
}

/** Memberships for a copy; they count as changed when they are written. */
export function mongoMembershipCopier(database: MongoDatabase): CollectionCopier<MemberRow> {
  return copierOfKeyed<MemberDocument, MemberRow>(database, {
    collection: membershipIndexes.collection,
    rowOf,
    upsertOf: (row) => {
      const intervals = row.intervals.map(intervalDocumentOf);
      return {
        key: keyOf(row.conversationId, row.accountId),
        update: { $set: { ...row, intervals, isOpen: isOpenOf(row.intervals) }, ...changeTimeUpdate },
      };
    },
  });
}

function groupOf({ _id, name, createTimeMs }: GroupDocument): GroupRow {
  return { conversationId: _id, name, createTimeMs };
}

/** Groups for a copy. */
export function mongoGroupCopier(database: MongoDatabase): CollectionCopier<GroupRow> {
  return copierOfKeyed<GroupDocument, GroupRow>(database, {
    collection: groupIndexes.collection,
    rowOf: groupOf,
    upsertOf: ({ conversationId, ...group }) => ({ key: conversationId, update: { $set: group } }),
  });
}
