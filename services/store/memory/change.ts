import type { ChangeStore, HeadRow, MemberRow } from "../../message/ports.ts";

/** The changes of the memory stores that were given it; each of them notes its own. */
export interface MemoryChanges extends ChangeStore {
  headChanged(row: HeadRow): void;
  memberChanged(row: MemberRow): void;
}

type Change = { readonly mark: number } & (
  | { readonly kind: "head"; readonly row: HeadRow }
  | { readonly kind: "member"; readonly row: MemberRow }
);

/** Counts changes in memory, for tests and the simulator. A changed row gets the next count as its mark. */
export function createMemoryChanges(): MemoryChanges {
  /** The newest change of each row, in the order of their marks. */
  const newest = new Map<string, Change>();
  let count = 0;

  const note = (key: string, change: Change): void => {
    newest.delete(key);
    newest.set(key, change);
  };

  return {
    headChanged: (row) => note(row.conversationId, { kind: "head", row, mark: ++count }),
    memberChanged: (row) =>
      note(`${row.conversationId}/${row.accountId}`, { kind: "member", row, mark: ++count }),
    currentMark: async () => String(count),
    changedSince: async (mark, rowsMax) => {
      const since = parseMark(mark);
      const all = [...newest.values()].filter((change) => change.mark > since);
      const page = all.slice(0, rowsMax);
      return {
        heads: page.flatMap((change) => (change.kind === "head" ? headChangeOf(change.row) : [])),
        members: page.flatMap((change) => (change.kind === "member" ? memberChangeOf(change.row) : [])),
        mark: String(page.at(-1)?.mark ?? since),
        more: page.length < all.length,
      };
    },
  };
}

function parseMark(mark: string): number {
  if (!/^\d+$/.test(mark)) throw new RangeError(`"${mark}" is no mark of this store`);
  return Number(mark);
}

function headChangeOf({ conversationId, headSeq, appliedSeq, memberLow, memberHigh }: HeadRow) {
  return { conversationId, headSeq, appliedSeq, memberLow, memberHigh };
}

function memberChangeOf({ conversationId, accountId, seenSeq }: MemberRow) {
  return { conversationId, accountId, seenSeq };
}
