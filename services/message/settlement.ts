import type { Entry } from "../../gen/parley/message/v1/entry_pb.ts";
import type { AppendDeps } from "./append-deps.ts";
import type { ConversationState } from "./conversation-state.ts";
import { hasEffects, movedAccounts } from "./effects.ts";
import { membershipEventsOf } from "./entry-events.ts";
import type { HeadRow, MemberRow } from "./ports.ts";
import { versionsEvent } from "./signals.ts";

type EffectDeps = Pick<AppendDeps, "memberships" | "ids" | "router">;

/**
 * Writes what `entries` did to rows outside the log; `after` is the state after the last of them. A row is written once,
 * as it is after all of them, which is what they would come to one after the other. Then tells the accounts that came or
 * went, and those whose rows changed. Idempotent; rejects as the store does.
 */
export async function applyEffects(
  deps: EffectDeps,
  after: ConversationState,
  entries: readonly Entry[],
): Promise<void> {
  const changed = new Set<string>();
  for (const entry of entries) {
    if (!hasEffects(entry.body)) continue;
    for (const accountId of movedAccounts(entry)) changed.add(accountId);
    if (entry.body.case === "memberLeft") changed.add(entry.body.value.newOwnerId);
    if (entry.body.case === "groupCreated") {
      const createTimeMs = Number(entry.createTime?.seconds ?? 0n) * 1_000;
      const millis = Math.floor((entry.createTime?.nanos ?? 0) / 1e6);
      const { conversationId } = after;
      await deps.memberships.putGroup({
        conversationId,
        name: entry.body.value.name,
        createTimeMs: createTimeMs + millis,
      });
    }
  }
  const rows: MemberRow[] = [];
  for (const accountId of changed) {
    const facts = after.members.get(accountId);
    if (facts === undefined) continue;
    const version = await deps.ids.next();
    rows.push({ conversationId: after.conversationId, accountId, version, ...facts });
  }
  if (rows.length === 0) return;
  await deps.memberships.apply(rows);
  for (const event of entries.flatMap(membershipEventsOf)) deps.router.publish(event);
  for (const { accountId, version } of rows) deps.router.publish(versionsEvent(accountId, version));
}

/** The heads row of a conversation with effects applied up to `appliedSeq`. */
export function headRowOf(state: ConversationState, appliedSeq: bigint, changeTimeMs: number): HeadRow {
  return {
    conversationId: state.conversationId,
    headSeq: state.last,
    messageOrdinal: state.messageOrdinal,
    appliedSeq,
    changeTimeMs: Math.floor(changeTimeMs),
    memberLow: state.ref.kind === "direct" ? state.ref.low : "",
    memberHigh: state.ref.kind === "direct" ? state.ref.high : "",
  };
}
