import type { AccountRow, DeviceRow, SigningKeyRow } from "../../account/ports.ts";
import type { StoreMark } from "../../mesh/ports.ts";
import type { EntryRow, GroupRow, HeadRow, MemberRow, PersonalRow } from "../../message/ports.ts";

/** A signing key with its place: 0 for the one added first. */
export interface RankedSigningKey extends SigningKeyRow {
  readonly rank: number;
}

export interface SecretKeyRow {
  readonly name: string;
  readonly key: Uint8Array;
}

export interface IdSlotRow {
  readonly slot: number;
  readonly mark: bigint;
}

export interface GenerationRow {
  readonly accountId: string;
  readonly deviceId: string;
  readonly generation: bigint;
}

export interface EpochHeadRow {
  readonly conversationId: string;
  readonly epoch: bigint;
  readonly head: bigint;
}

/** The rows of each collection of a store, as every kind of store gives them. The names are those of tables and collections. */
export interface StoreRows {
  readonly account: AccountRow;
  readonly device: DeviceRow;
  readonly signing_key: RankedSigningKey;
  readonly secret_key: SecretKeyRow;
  readonly id_slot: IdSlotRow;
  readonly generation: GenerationRow;
  readonly entry: EntryRow;
  readonly head: HeadRow;
  readonly membership: MemberRow;
  readonly conversation_group: GroupRow;
  readonly personal: PersonalRow;
  readonly epoch_head: EpochHeadRow;
  /** One row; none before it was raised first. */
  readonly epoch_mark: StoreMark;
}

export type CollectionName = keyof StoreRows;

/** What tells a row from the others of its collection, as texts. */
export type RowKey = readonly string[];

/** The keys of rows, collection by collection, in the order in which they are copied. */
const rowKeys: { readonly [Name in CollectionName]: (row: StoreRows[Name]) => RowKey } = {
  account: ({ accountId }) => [accountId],
  device: ({ deviceId }) => [deviceId],
  signing_key: ({ rank }) => [`${rank}`],
  secret_key: ({ name }) => [name],
  id_slot: ({ slot }) => [`${slot}`],
  generation: ({ accountId, deviceId }) => [accountId, deviceId],
  entry: ({ conversationId, seq }) => [conversationId, `${seq}`],
  head: ({ conversationId }) => [conversationId],
  membership: ({ conversationId, accountId }) => [conversationId, accountId],
  conversation_group: ({ conversationId }) => [conversationId],
  personal: ({ accountId, conversationId }) => [accountId, conversationId],
  epoch_head: ({ conversationId, epoch }) => [conversationId, `${epoch}`],
  epoch_mark: () => ["mark"],
};

/** The key of a row of the collection that is named. */
export function keyOfRow<Name extends CollectionName>(name: Name, row: StoreRows[Name]): RowKey {
  return rowKeys[name](row);
}

/** All of them, in that order. */
export const collectionNames: readonly CollectionName[] = Object.keys(rowKeys).filter(isCollectionName);

export function isCollectionName(name: string): name is CollectionName {
  return Object.hasOwn(rowKeys, name);
}

/** Rows of one read or write. An entry has 64 KiB of text at most, so a page has 16 MiB at most and mostly far less. */
export const pageRowsMax = 250;

/** One collection of a store that no node has open. */
export interface CollectionCopier<Row> {
  /**
   * The rows after a key (from the beginning without one), in an order that all kinds of stores share; `rowsMax` of them
   * unless these are the last. Rejects as the store does.
   */
  readPage(after: RowKey | undefined, rowsMax: number): Promise<readonly Row[]>;
  /** Puts rows there, in the place of those with their keys; an entry that is there stays. May be repeated. */
  writeAll(rows: readonly Row[]): Promise<void>;
  /** About how many rows there are. */
  count(): Promise<number>;
}

/** A copier for every collection: nothing can be forgotten. */
export type StoreCopiers = { readonly [Name in CollectionName]: CollectionCopier<StoreRows[Name]> };

/** Makes a copier for each collection by its name. */
export function copiersOf(
  copier: <Name extends CollectionName>(name: Name) => CollectionCopier<StoreRows[Name]>,
): StoreCopiers {
  return {
    account: copier("account"),
    device: copier("device"),
    signing_key: copier("signing_key"),
    secret_key: copier("secret_key"),
    id_slot: copier("id_slot"),
    generation: copier("generation"),
    entry: copier("entry"),
    head: copier("head"),
    membership: copier("membership"),
    conversation_group: copier("conversation_group"),
    personal: copier("personal"),
    epoch_head: copier("epoch_head"),
    epoch_mark: copier("epoch_mark"),
  };
}

/** How far an unfinished copy has come; kept in the store that it goes to. */
export interface CopyMark {
  /** Tells the store that is copied, and the state in which it is, from others. */
  readonly source: string;
  readonly collection: CollectionName;
  /** The last row of it that is there; undefined before the first. */
  readonly after: RowKey | undefined;
}

/** The mark in the store that is copied to. While there is one, nodes do not open the store. */
export interface CopyMarkStore {
  read(): Promise<CopyMark | undefined>;
  put(mark: CopyMark): Promise<void>;
  remove(): Promise<void>;
}

/** A store that is copied from or to. */
export interface CopyEnd {
  readonly copiers: StoreCopiers;
  readonly mark: CopyMarkStore;
  stop(): Promise<void>;
}

/** What people are told of a store with a mark, beside where it is. */
export const unfinishedText =
  "holds a part of another store: a copy to it did not come to its end. Run `parley store copy` again";
