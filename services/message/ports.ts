/**
 * What the message domain needs from a store and from its surroundings. Every store adapter passes the contract
 * suites in services/store/contract. Reads see everything that was committed before they began.
 */
import type { TopicEvent } from "../mesh/router.ts";

/** One row of a conversation's log, or a void row (seq < 0) that took the id of a rejected send for ever. */
export interface EntryRow {
  readonly conversationId: string;
  readonly seq: bigint;
  readonly epoch: bigint;
  readonly messageOrdinal: bigint;
  readonly entryId: bigint;
  readonly senderId: string;
  readonly clientMessageId: string;
  /** HMAC-SHA-256 of the content as the node encodes it: tells a repetition from a conflict. */
  readonly digest: Uint8Array;
  /** The entry changes rows outside the log (memberships), see `appliedSeq`. */
  readonly hasEffects: boolean;
  readonly createTimeMs: number;
  /** The encoded parley.message.v1.Entry; of a void row, the encoded parley.error.v1.Failure. */
  readonly bytes: Uint8Array;
}

/** What an append came to. Unique indexes: (conversation, seq) and (conversation, sender, client message id). */
export type AppendOutcome =
  /** All rows are durable. With `headsRaised` their heads rows are too, in the same transaction. */
  | { readonly kind: "committed"; readonly headsRaised: boolean }
  /** The rows before `index` are durable, the row at `index` met a unique index, those after it were not tried. */
  | { readonly kind: "duplicate"; readonly index: number; readonly headsRaised: boolean }
  /** Nothing was written. */
  | { readonly kind: "refused"; readonly cause: unknown }
  /** Any prefix of the rows may be durable, now or later. */
  | { readonly kind: "unknown"; readonly cause: unknown };

export interface EntryLogStore {
  /** Inserts rows in their order; rows of several conversations may be mixed. At most 500 rows and about 1 MiB. */
  append(rows: readonly EntryRow[]): Promise<AppendOutcome>;
  /** Rows with seq > afterSeq (and > 0), ascending; stops at `entriesMax` rows, or earlier once `bytesMax` is passed (at least one row). */
  readAfter(conversationId: string, afterSeq: bigint, limit: PageLimit): Promise<EntryRow[]>;
  /** Rows with 0 < seq < beforeSeq, descending; the same limits. */
  readBefore(conversationId: string, beforeSeq: bigint, limit: PageLimit): Promise<EntryRow[]>;
  /** The rows, void ones included, that took one of these ids. */
  readByClientIds(conversationId: string, keys: readonly ClientKey[]): Promise<EntryRow[]>;
  /** The newest row of each conversation that has one. */
  readLast(conversationIds: readonly string[]): Promise<EntryRow[]>;
}

export interface PageLimit {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

export interface ClientKey {
  readonly senderId: string;
  readonly clientMessageId: string;
}

/** One per conversation. `headSeq` may lag behind the log after a crash; the log is the truth. */
export interface HeadRow {
  readonly conversationId: string;
  readonly headSeq: bigint;
  readonly messageOrdinal: bigint;
  /** All effects up to and including this seq are in their rows. */
  readonly appliedSeq: bigint;
  /** When the head was raised, by the store's or owner's clock. */
  readonly changeTimeMs: number;
  /** The members of a direct conversation, in order; empty for groups. */
  readonly memberLow: string;
  readonly memberHigh: string;
}

export interface HeadStore {
  /** Those of the rows that exist, in any order. At most 1,000 ids. */
  read(conversationIds: readonly string[]): Promise<HeadRow[]>;
  /** Creates rows, or raises each of headSeq, messageOrdinal, appliedSeq and changeTimeMs to at least the one given. */
  raise(rows: readonly HeadRow[]): Promise<void>;
  /** The direct conversations of an account. */
  listDirect(accountId: string): Promise<HeadRow[]>;
}

/**
 * Where the log of a conversation stood when the first append of an epoch came to it. What devices hold above that from
 * earlier epochs was undone. Unique on (conversation, epoch).
 */
export interface EpochHeadStore {
  /** Records the head of a conversation at the beginning of an epoch. The first one stays; another changes nothing. */
  record(conversationId: string, epoch: bigint, head: bigint): Promise<void>;
  /**
   * By conversation, the lowest head that was recorded for an epoch above `epoch`; those without one are left out. At most
   * 1,000 ids.
   */
  lowestAbove(conversationIds: readonly string[], epoch: bigint): Promise<ReadonlyMap<string, bigint>>;
}

/** A member sees entries with from < seq <= to; `to` is undefined while the interval is open. */
export interface MemberInterval {
  readonly from: bigint;
  readonly to: bigint | undefined;
}

export type Role = "owner" | "member";

/** One account in one group, past members included. */
export interface MemberRow {
  readonly conversationId: string;
  readonly accountId: string;
  /** Ascending, not overlapping; at most the last one is open. */
  readonly intervals: readonly MemberInterval[];
  /** While the last interval is open. */
  readonly role: Role;
  /** The seq of the last effect that this row has seen; an effect that is not above it changes nothing. */
  readonly seenSeq: bigint;
  /** Changes with every change of the row; ids of services/kernel/ids.ts, so that the greatest is the newest. */
  readonly version: bigint;
}

/** A group's own data, as its entries have made it. */
export interface GroupRow {
  readonly conversationId: string;
  readonly name: string;
  readonly createTimeMs: number;
}

export interface MembershipStore {
  /** All rows of a group, past members included, by account id. */
  ofConversation(conversationId: string): Promise<MemberRow[]>;
  /** All rows of an account, past memberships included. */
  ofAccount(accountId: string): Promise<MemberRow[]>;
  /** The newest version among the account's rows, 0 when it has none. */
  newestVersion(accountId: string): Promise<bigint>;
  /** Those of the rows that exist. */
  read(conversationIds: readonly string[], accountId: string): Promise<MemberRow[]>;
  /** Replaces each row, unless the stored one has a `seenSeq` that is not below the new one's. Idempotent. */
  apply(rows: readonly MemberRow[]): Promise<void>;
  /** Creates the group's row if there is none. */
  putGroup(row: GroupRow): Promise<void>;
  readGroups(conversationIds: readonly string[]): Promise<GroupRow[]>;
}

/** Counts over the rows of a MembershipStore, whose adapters implement both. */
export interface MembershipCounts {
  /** In how many groups each of the accounts is a member now; those in none may be left out. At most 1,000 ids. */
  countOpen(accountIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** One account's own view of one conversation. */
export interface PersonalRow {
  readonly accountId: string;
  readonly conversationId: string;
  readonly readSeq: bigint;
  readonly readOrdinal: bigint;
  /** 0 when notifications are on. */
  readonly muteEndMs: number;
  readonly version: bigint;
}

export interface PersonalStore {
  read(accountId: string, conversationIds: readonly string[]): Promise<PersonalRow[]>;
  /** The newest version among the account's rows, 0 when it has none. */
  newestVersion(accountId: string): Promise<bigint>;
  /** Creates rows or raises readSeq and readOrdinal to at least those given, with `version` where something changed. */
  raiseReadCursors(rows: readonly Omit<PersonalRow, "muteEndMs">[]): Promise<void>;
  setMute(row: Pick<PersonalRow, "accountId" | "conversationId" | "muteEndMs" | "version">): Promise<void>;
}

/** A heads row that changed, as far as those who follow its conversation have to know. */
export type HeadChange = Pick<
  HeadRow,
  "conversationId" | "headSeq" | "appliedSeq" | "memberLow" | "memberHigh"
>;

/** A membership row that changed, as far as the account's devices have to know. */
export type MemberChange = Pick<MemberRow, "conversationId" | "accountId" | "seenSeq">;

/** What changed between two looks at a store. A row that changed twice comes at least once, as it is now. */
export interface StoreChanges {
  readonly heads: readonly HeadChange[];
  readonly members: readonly MemberChange[];
  /** Where the next look goes on. */
  readonly mark: string;
  /** There is more already: look again at once. */
  readonly more: boolean;
}

/** Tells what changed, whoever changed it: what nodes check so that nothing stays missed. */
export interface ChangeStore {
  /** Where a first look begins: now. */
  currentMark(): Promise<string>;
  /**
   * The rows of heads and memberships that changed since the mark, by the store's own clock or count. None is ever left
   * out, also not one whose change was under way when the mark was made; some may come again. About `rowsMax` rows.
   */
  changedSince(mark: string, rowsMax: number): Promise<StoreChanges>;
}

/** Which accounts exist; answered by the account domain. */
export interface AccountDirectory {
  /** Those of the accounts that exist and are not deleted. One read, at most 1,000 ids. */
  existing(accountIds: readonly string[]): Promise<ReadonlySet<string>>;
}

/** Brings rows outside the log up to date; answered by the append core. */
export interface EffectSettler {
  /** Finishes the effects of each conversation up to its log's head, then resolves. At most 1,000 ids a call. */
  settle(conversationIds: readonly string[]): Promise<void>;
}

/** Remembers which entries this node wrote or found, for `parley explain`; by the node. Cheap, and never throws. */
export interface AppendTrace {
  /** The entry has its number and is about to be given to the store; another one may yet take the number. */
  accepted(entry: Pick<EntryRow, "conversationId" | "seq">, entryId: string, wallMs: number): void;
  /** The store said that the entry is durable. */
  committed(entry: Pick<EntryRow, "conversationId" | "seq">, wallMs: number): void;
  /** The entry stood in the log: another owner wrote it, or this one without hearing of it. */
  found(entry: Pick<EntryRow, "conversationId" | "seq">, wallMs: number): void;
}

/** Where events go that concern an account or a conversation; a part of the mesh's TopicRouter. */
export interface EventSink {
  /** Never blocks and never throws. */
  publish(event: TopicEvent): void;
}

/** Gives rows their versions; a part of the kernel's IdAllocator. */
export interface RowVersions {
  /** A new id, greater than those before it. Rejects as the store does. */
  next(): Promise<bigint>;
}
