import { isMemberAtEnd, readLog, visibleSeqs } from "./sim-checks.ts";
import type { SimCluster } from "./sim-cluster.ts";

/** Between two looks, in virtual milliseconds: each reads all logs. */
const lookMs = 500;

/**
 * Answers whether everything has converged: all sends and changes have an outcome, and every device holds what its account
 * may see. Looks at most twice a second; call it after every event.
 */
export function convergence(cluster: SimCluster, conversationIds: () => readonly string[]): () => boolean {
  const { scheduler, journal, clients, store } = cluster;
  let lookAtMs = 0;
  let isLooking = false;
  let isThere = false;
  const look = async (): Promise<void> => {
    isLooking = true;
    const logs = await Promise.all(conversationIds().map((id) => readLog(store.collections.entries, id)));
    isThere = clients.every(({ device }) =>
      logs.every((log) => {
        // See `VisibilityOptions`.
        if (store.mayRewind && !isMemberAtEnd(log, device.caller.accountId)) return true;
        const last = visibleSeqs(log, device.caller.accountId).at(-1) ?? 0n;
        return device.held.seqOf(log.conversationId) === last;
      }),
    );
    isLooking = false;
  };
  return () => {
    if (isThere && journal.sendsOpen === 0 && journal.changesOpen === 0) return true;
    if (isLooking || scheduler.nowMs < lookAtMs || journal.sendsOpen > 0 || journal.changesOpen > 0)
      return false;
    lookAtMs = scheduler.nowMs + lookMs;
    void look();
    return false;
  };
}
