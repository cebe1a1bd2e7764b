import type { HeadRead, History, SendRecord, StreamRecord } from "./history.ts";
import { messageKey } from "./log-checks.ts";

/** That the store was put back to an earlier copy. Of what came after the copy nobody may expect anything. */
export interface PutBack {
  /** When the copy was made, and when it was put in the place of the store. */
  readonly copiedMs: number;
  readonly doneMs: number;
  /** By conversation, the last number that the copy has; a conversation that is not here is not in it. */
  readonly heads: ReadonlyMap<string, bigint>;
}

/**
 * A history as it may be judged after the store was put back, the earliest first: without what a copy did not have, and
 * with all the rest. `logs` are those after the run. A history without put-backs stays as it is.
 *
 * - A send whose try and acknowledgement touch the time between copy and put-back, which stood above the copy and is not in
 *   the log, is undone: neither lost nor expected.
 * - A head that was read in that time is taken for as high as the copy at most.
 * - Generations begin again with the copy, so a stream is held only against those between the same two put-backs.
 */
export function withoutUndone(history: History, putBacks: readonly PutBack[]): History {
  if (putBacks.length === 0) return history;
  const { sends, logs, reads, streams } = history;
  const inLog = new Set(logs.flatMap(({ entries }) => entries.map(entryKey)));
  return {
    ...history,
    sends: sends.map((send) => judgedSend(send, inLog, putBacks)),
    reads: reads.map((read) => judgedRead(read, putBacks)),
    ...(streams && {
      streams: { ...streams, records: streams.records.flatMap((record) => judgedStream(record, putBacks)) },
    }),
  };
}

/** Whether something that lasted this long touches the time between a copy and its put-back. */
export function isBetween(
  { copiedMs, doneMs }: PutBack,
  { beganMs, endedMs }: { readonly beganMs: number; readonly endedMs: number },
): boolean {
  return beganMs <= doneMs && endedMs >= copiedMs;
}

function judgedSend(send: SendRecord, inLog: ReadonlySet<string>, putBacks: readonly PutBack[]): SendRecord {
  const { outcome, beganMs, conversationId } = send;
  if (outcome.kind !== "acknowledged") return send;
  const { endedMs, seq, entryId } = outcome;
  if (inLog.has(entryKey({ ...send, entryId }))) return send;
  const isUndone = putBacks.some(
    (putBack) => isBetween(putBack, { beganMs, endedMs }) && seq > (putBack.heads.get(conversationId) ?? 0n),
  );
  return isUndone ? { ...send, outcome: { kind: "undone" } } : send;
}

/** The id alone says too little: the marks that keep ids apart are put back with the store. */
function entryKey(entry: Parameters<typeof messageKey>[0] & { readonly entryId: string }): string {
  return `${messageKey(entry)} ${entry.entryId}`;
}

function judgedRead(read: HeadRead, putBacks: readonly PutBack[]): HeadRead {
  const heads = putBacks
    .filter((putBack) => isBetween(putBack, read))
    .map(({ heads: copied }) => copied.get(read.conversationId) ?? 0n);
  const headSeq = heads.reduce((lowest, head) => (head < lowest ? head : lowest), read.headSeq);
  return { ...read, headSeq };
}

/** One that began before a put-back and was heard of only after it is of no known time. */
function judgedStream(record: StreamRecord, putBacks: readonly PutBack[]): StreamRecord[] {
  const before = (ms: number): number => putBacks.filter(({ doneMs }) => doneMs <= ms).length;
  const count = before(record.beganMs);
  if (record.opened !== undefined && before(record.opened.heardMs) !== count) return [];
  return [{ ...record, deviceId: `${record.deviceId} after ${count} put-backs` }];
}
