import { fromBinary } from "@bufbuild/protobuf";
import { type Entry, EntrySchema } from "../../../gen/parley/message/v1/entry_pb.ts";
import { type Finding, startFinding } from "../../history/finding.ts";
import type { ListedLog } from "../../history/history.ts";
import type { EntryLogStore } from "../../message/ports.ts";
import { addsAccount, type HeldLog, removesAccount, seenEntry } from "./held-log.ts";
import type { SimJournal } from "./sim-journal.ts";

/** Entries read at a time. */
const pageEntries = 1_000;

/** The log of one conversation, as the store holds it. */
export interface StoredLog {
  readonly conversationId: string;
  readonly entries: readonly Entry[];
}

/** Reads a whole log. */
export async function readLog(log: EntryLogStore, conversationId: string): Promise<StoredLog> {
  const entries: Entry[] = [];
  for (;;) {
    const limit = { entriesMax: pageEntries, bytesMax: Number.MAX_SAFE_INTEGER };
    const rows = await log.readAfter(conversationId, entries.at(-1)?.seq ?? 0n, limit);
    if (rows.length === 0) return { conversationId, entries };
    entries.push(...rows.map((row) => fromBinary(EntrySchema, row.bytes)));
  }
}

/** The same as the checkers of services/history take it. */
export function listedLog({ conversationId, entries }: StoredLog): ListedLog {
  return { conversationId, entries: entries.map(seenEntry) };
}

/** The numbers that an account may see: from each entry that adds it to the one that removes it, both inclusive. */
export function visibleSeqs({ conversationId, entries }: StoredLog, accountId: string): bigint[] {
  const isDirect = conversationId.startsWith("d-");
  let isMember = isDirect && conversationId.split("-").includes(accountId);
  const seqs: bigint[] = [];
  for (const entry of entries) {
    if (!isMember && !isDirect) isMember = addsAccount(entry, accountId);
    if (isMember) seqs.push(entry.seq);
    if (isMember && removesAccount(entry, accountId)) isMember = false;
  }
  return seqs;
}

/** Whether the log ends with the account in the conversation. */
export function isMemberAtEnd({ conversationId, entries }: StoredLog, accountId: string): boolean {
  if (conversationId.startsWith("d-")) return true;
  const last = entries.findLast((entry) => addsAccount(entry, accountId) || removesAccount(entry, accountId));
  return last !== undefined && addsAccount(last, accountId);
}

/** A device whose holdings are judged. */
export interface HeldByDevice {
  readonly accountId: string;
  readonly deviceId: string;
  readonly held: HeldLog;
}

/** How holdings are judged. */
export interface VisibilityOptions {
  /** Everybody holds everything that they may see. */
  readonly toTheEnd: boolean;
  /**
   * The store was put back. A device is told nothing of a group that its account is no member of then, as the contract
   * says, so what it holds of that is not judged.
   */
  readonly wasPutBack: boolean;
}

/**
 * Each device holds, in order, the beginning of what its account may see: nothing is skipped, nothing comes before the
 * account was added or after it was removed.
 */
export function checkVisibility(
  devices: readonly HeldByDevice[],
  logs: readonly StoredLog[],
  { toTheEnd, wasPutBack }: VisibilityOptions,
): Finding {
  const finding = startFinding(
    toTheEnd ? "every device converged to what it may see" : "devices hold what they may see",
  );
  for (const log of logs) {
    const byAccount = new Map<string, bigint[]>();
    for (const { accountId, deviceId, held } of devices) {
      const visible = byAccount.get(accountId) ?? visibleSeqs(log, accountId);
      byAccount.set(accountId, visible);
      if (wasPutBack && !isMemberAtEnd(log, accountId)) continue;
      const seqs = held.seqsOf(log.conversationId);
      finding.examine();
      const wrongAt = seqs.findIndex((seq, index) => seq !== visible[index]);
      const name = `${deviceId} of ${accountId} in ${log.conversationId}`;
      if (wrongAt !== -1)
        finding.violate(`${name} stored ${seqs[wrongAt]} where ${visible[wrongAt]} belongs`);
      else if (toTheEnd && seqs.length < visible.length)
        finding.violate(`${name} holds ${seqs.length} of ${visible.length} entries, up to ${seqs.at(-1)}`);
    }
  }
  return finding.finish();
}

/** What a rejection may say when the sender is no member. */
const memberReasons = new Set(["NOT_A_MEMBER", "CONVERSATION_NOT_FOUND"]);

/**
 * Nobody is rejected as no member who was one all the time: added by a change that was acknowledged before the send began,
 * and not removed by one that began before the rejection was heard.
 */
export function checkRejections(
  { changes, rejections }: Pick<SimJournal, "changes" | "rejections">,
  logs: readonly StoredLog[],
): Finding {
  const finding = startFinding("rejections are true");
  const changeById = new Map(changes.map((change) => [change.requestId, change]));
  const logById = new Map(logs.map((log) => [log.conversationId, log]));
  for (const { send, reason, endedMs } of rejections) {
    if (!memberReasons.has(reason)) continue;
    finding.examine();
    const entries = logById.get(send.conversationId)?.entries ?? [];
    const added = entries.findLastIndex((entry) => {
      const change = changeById.get(entry.clientMessageId);
      return (
        addsAccount(entry, send.senderId) && (change?.endedMs ?? Number.POSITIVE_INFINITY) < send.beganMs
      );
    });
    const removed = entries.slice(added + 1).some((entry) => {
      const change = changeById.get(entry.clientMessageId);
      return removesAccount(entry, send.senderId) && (change?.beganMs ?? 0) < endedMs;
    });
    if (added !== -1 && !removed)
      finding.violate(
        `${send.conversationId} ${send.clientMessageId} of ${send.senderId} was rejected with ${reason}, a member since ${entries[added]?.seq}`,
      );
  }
  return finding.finish();
}
