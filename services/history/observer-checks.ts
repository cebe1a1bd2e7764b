import { type Finding, startFinding } from "./finding.ts";
import type { ListedLog, ObserverHistory, SeenEntry } from "./history.ts";

/** Each device stored each entry once, in order, without a gap. */
export function checkObserverOrder(observers: readonly ObserverHistory[]): Finding {
  const finding = startFinding("each entry once, in order, no gap");
  for (const { deviceId, conversationId, entries } of observers) {
    let before: bigint | undefined;
    for (const { seq } of entries) {
      finding.examine();
      if (before !== undefined && seq !== before + 1n) {
        finding.violate(`${deviceId} stored ${conversationId} ${seq} after ${before}`);
      }
      before = seq;
    }
  }
  return finding.finish();
}

/** Whatever two devices, or a device and the log, hold at one number is the same entry. */
export function checkAgreement(observers: readonly ObserverHistory[], logs: readonly ListedLog[]): Finding {
  const finding = startFinding("observers agree");
  const first = new Map<string, { readonly entry: SeenEntry; readonly who: string }>();
  const histories = [
    ...logs.map((log) => ({ who: "the log", entries: log.entries })),
    ...observers.map((observer) => ({ who: observer.deviceId, entries: observer.entries })),
  ];
  for (const { who, entries } of histories) {
    for (const entry of entries) {
      const place = `${entry.conversationId} ${entry.seq}`;
      const known = first.get(place);
      if (known === undefined) {
        first.set(place, { entry, who });
        continue;
      }
      finding.examine();
      if (!isSame(known.entry, entry))
        finding.violate(`${place}: ${who} holds another entry than ${known.who}`);
    }
  }
  return finding.finish();
}

/** After the run each device holds its conversations to the end: exactly the log from the first entry it may see. */
export function checkConvergence(observers: readonly ObserverHistory[], logs: readonly ListedLog[]): Finding {
  const finding = startFinding("every device converged");
  const byConversation = new Map(logs.map((log) => [log.conversationId, log.entries]));
  for (const { deviceId, conversationId, entries } of observers) {
    finding.examine();
    const log = byConversation.get(conversationId) ?? [];
    const [head, held] = [log.at(-1)?.seq ?? 0n, entries.at(-1)?.seq ?? 0n];
    if (held !== head)
      finding.violate(`${deviceId} is at ${held} of ${conversationId}, whose head is ${head}`);
    const from = entries.at(0)?.seq ?? 1n;
    const visible = log.filter((entry) => entry.seq >= from).length;
    if (entries.length !== visible) {
      finding.violate(
        `${deviceId} holds ${entries.length} entries of ${conversationId}, the log has ${visible}`,
      );
    }
  }
  return finding.finish();
}

function isSame(one: SeenEntry, other: SeenEntry): boolean {
  return (
    one.entryId === other.entryId &&
    one.senderId === other.senderId &&
    one.clientMessageId === other.clientMessageId &&
    one.messageOrdinal === other.messageOrdinal &&
    one.text === other.text
  );
}
