import type { Collection, Document } from "mongodb";
import type { ChangeStore, HeadChange, MemberChange } from "../../message/ports.ts";
import { visibleUntilMs } from "./change-time.ts";
import { type HeadDocument, headIndexes } from "./head.ts";
import { mongoLimits } from "./limits.ts";
import { type MemberDocument, membershipIndexes } from "./membership.ts";
import type { MongoDatabase } from "./mongo-database.ts";

/**
 * Changes by their times. A look reads what changed from `changeOverlapMs` before the last look on, so most rows come more
 * than once; the overlap covers that clocks of primaries differ and that a change gets its time before it is written.
 */
export function createMongoChangeStore(database: MongoDatabase): ChangeStore {
  const heads = database.collection<HeadDocument>(headIndexes.collection);
  const members = database.collection<MemberDocument>(membershipIndexes.collection);
  const visibleMs = async (): Promise<number> => visibleUntilMs(await database.hello());

  return {
    currentMark: async () => {
      const startMs = startOfNext(await visibleMs());
      return textOf({ headsMs: startMs, membersMs: startMs, nextMs: undefined });
    },
    changedSince: async (mark, rowsMax) => {
      const { headsMs, membersMs, nextMs } = parseMark(mark);
      // Before anything is read: what becomes visible from then on is for the next look.
      const nowMs = await visibleMs();
      const laterMs = nextMs ?? startOfNext(nowMs);
      const half = Math.ceil(rowsMax / 2);
      const headPage = await readPage(database, heads, {
        fields: headFields,
        afterMs: headsMs,
        nowMs,
        rowsMax: half,
      });
      const memberPage = await readPage(database, members, {
        fields: memberFields,
        afterMs: membersMs,
        nowMs,
        rowsMax: Math.max(1, rowsMax - Math.min(headPage.rows.length, half)),
      });
      const more = headPage.more || memberPage.more;
      const next = more
        ? { headsMs: headPage.endMs, membersMs: memberPage.endMs, nextMs: laterMs }
        : { headsMs: laterMs, membersMs: laterMs, nextMs: undefined };
      return {
        heads: headPage.rows.map(headChangeOf),
        members: memberPage.rows.map(memberChangeOf),
        mark: textOf(next),
        more,
      };
    },
  };
}

function startOfNext(visibleMs: number): number {
  return Math.max(0, visibleMs - mongoLimits.changeOverlapMs);
}

/** Where a look goes on, and where the next one begins if this one is not at its end yet. In milliseconds since 1970. */
interface Mark {
  /** Exclusive. */
  readonly headsMs: number;
  /** Exclusive. */
  readonly membersMs: number;
  readonly nextMs: number | undefined;
}

function textOf({ headsMs, membersMs, nextMs }: Mark): string {
  return [headsMs, membersMs, nextMs ?? ""].join(".");
}

function parseMark(mark: string): Mark {
  const [, heads, members, next] = /^(\d+)\.(\d+)\.(\d*)$/.exec(mark) ?? [];
  if (heads === undefined || members === undefined)
    throw new RangeError(`"${mark}" is no mark of this store`);
  return {
    headsMs: Number(heads),
    membersMs: Number(members),
    nextMs: next === "" ? undefined : Number(next),
  };
}

// With these and no others a page is read from the index alone.
const headFields = { _id: 1, changedAt: 1, headSeq: 1, appliedSeq: 1, memberLow: 1, memberHigh: 1 } as const;
const memberFields = { _id: 0, changedAt: 1, conversationId: 1, accountId: 1, seenSeq: 1 } as const;

interface PageOptions {
  readonly fields: Readonly<Record<string, 0 | 1>>;
  readonly afterMs: number;
  /** Up to which changes were visible before the page is read; a millisecond from then on may not be over. */
  readonly nowMs: number;
  readonly rowsMax: number;
}

interface Page<Row> {
  readonly rows: readonly Row[];
  /** All changes up to then are in the page; below `nowMs`. */
  readonly endMs: number;
  readonly more: boolean;
}

/** Rows in the order of their changes. A page ends between two milliseconds that are over, or with the newest change. */
async function readPage<Row extends Document & { readonly changedAt: Date }>(
  database: MongoDatabase,
  collection: Collection<Row>,
  { fields, afterMs, nowMs, rowsMax }: PageOptions,
): Promise<Page<Row>> {
  const find = (changedAt: Document, limit: number): Promise<Row[]> => {
    // The driver's type of a filter cannot be made for a generic document.
    const filter: object = { changedAt };
    const sort = { changedAt: 1 } as const;
    return database.read((bounds) =>
      collection
        .find(filter, { ...bounds, sort, limit })
        .project<Row>(fields)
        .toArray(),
    );
  };
  const timeOf = (row: Row | undefined): number => row?.changedAt.getTime() ?? afterMs;
  const newest = (all: readonly Row[]): Page<Row> => ({
    rows: all,
    endMs: timeOf(all.findLast((row) => timeOf(row) < nowMs)),
    more: false,
  });
  const rows = await find({ $gt: new Date(afterMs) }, rowsMax);
  if (rows.length < rowsMax) return newest(rows);
  const cutMs = Math.min(timeOf(rows.at(-1)), nowMs);
  const before = rows.filter((row) => timeOf(row) < cutMs);
  // What changes while it is read is not worth another page.
  if (cutMs === nowMs) return newest([...before, ...(await find({ $gte: new Date(nowMs) }, 0))]);
  return { rows: [...before, ...(await find({ $eq: new Date(cutMs) }, 0))], endMs: cutMs, more: true };
}

function headChangeOf(row: Omit<HeadDocument, "changedAt">): HeadChange {
  const { _id, headSeq, appliedSeq, memberLow, memberHigh } = row;
  return { conversationId: _id, headSeq, appliedSeq, memberLow, memberHigh };
}

function memberChangeOf({ conversationId, accountId, seenSeq }: MemberChange): MemberChange {
  return { conversationId, accountId, seenSeq };
}
