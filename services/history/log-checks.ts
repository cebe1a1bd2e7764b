import { type Finding, startFinding } from "./finding.ts";
import type { ListedLog, SeenEntry, SendRecord } from "./history.ts";

/** Names a message for ever: promise 3 of the design. */
export function messageKey(message: {
  readonly conversationId: string;
  readonly senderId: string;
  readonly clientMessageId: string;
}): string {
  return `${message.conversationId} ${message.senderId} ${message.clientMessageId}`;
}

/** Every log is numbered 1, 2, 3, … in the order listed, and each message raises the ordinal by one. */
export function checkDense(logs: readonly ListedLog[]): Finding {
  const finding = startFinding("dense numbers");
  for (const { conversationId, entries } of logs) {
    let expected = 1n;
    let ordinal = 0n;
    for (const entry of entries) {
      finding.examine();
      if (entry.seq !== expected) {
        finding.violate(`${conversationId}: entry ${entry.seq} stands where ${expected} belongs`);
      }
      ordinal += entry.text === undefined ? 0n : 1n;
      if (entry.messageOrdinal !== ordinal) {
        finding.violate(
          `${conversationId}: entry ${entry.seq} says ${entry.messageOrdinal} messages, not ${ordinal}`,
        );
      }
      expected = entry.seq + 1n;
      ordinal = entry.messageOrdinal;
    }
  }
  return finding.finish();
}

/** Each acknowledged send is in its log once, at the position and under the id that its sender was told. */
export function checkNoLoss(sends: readonly SendRecord[], logs: readonly ListedLog[]): Finding {
  const finding = startFinding("no acknowledged message lost");
  const places = placesOf(logs);
  for (const send of sends) {
    if (send.outcome.kind !== "acknowledged") continue;
    finding.examine();
    const { seq, entryId } = send.outcome;
    const found = places.get(messageKey(send)) ?? [];
    const name = `${messageKey(send)}, acknowledged at ${seq}`;
    if (found.length === 0) finding.violate(`${name}, is not in the log`);
    else if (found.length > 1) finding.violate(`${name}, is in the log ${found.length} times`);
    else if (found[0]?.seq !== seq || found[0].entryId !== entryId) {
      finding.violate(`${name} as ${entryId}, is in the log at ${found[0]?.seq} as ${found[0]?.entryId}`);
    }
  }
  return finding.finish();
}

/** Each message of a log was sent by somebody, with that content, and was not rejected. */
export function checkNoPhantom(sends: readonly SendRecord[], logs: readonly ListedLog[]): Finding {
  const finding = startFinding("no phantom");
  const sent = new Map(sends.map((send) => [messageKey(send), send]));
  for (const entry of messagesOf(logs)) {
    finding.examine();
    const send = sent.get(messageKey(entry));
    const name = `${entry.conversationId} ${entry.seq}`;
    if (send === undefined) finding.violate(`${name}: nobody sent ${entry.clientMessageId}`);
    else if (send.text !== entry.text) finding.violate(`${name}: has another content than what was sent`);
    else if (send.outcome.kind === "rejected") {
      finding.violate(`${name}: its sender was told ${send.outcome.reason}, and it is in the log`);
    }
  }
  return finding.finish();
}

/** No message is in a log twice, and no entry id is used twice. */
export function checkNoDuplicate(logs: readonly ListedLog[]): Finding {
  const finding = startFinding("no duplicate");
  const ids = new Set<string>();
  for (const [key, found] of placesOf(logs)) {
    finding.examine();
    if (found.length > 1) finding.violate(`${key} is at ${found.map((entry) => entry.seq).join(" and ")}`);
  }
  for (const { entryId, conversationId, seq } of logs.flatMap((log) => log.entries)) {
    if (ids.has(entryId))
      finding.violate(`${conversationId} ${seq}: the entry id ${entryId} was used before`);
    ids.add(entryId);
  }
  return finding.finish();
}

function placesOf(logs: readonly ListedLog[]): ReadonlyMap<string, readonly SeenEntry[]> {
  return Map.groupBy(messagesOf(logs), messageKey);
}

function messagesOf(logs: readonly ListedLog[]): readonly SeenEntry[] {
  return logs.flatMap((log) => log.entries.filter((entry) => entry.text !== undefined));
}
