import { checkHistory } from "../../history/check-history.ts";
import type { SendRecord } from "../../history/history.ts";
import { awaitConvergence, observersOf, readLogs } from "../harness/member.ts";
import { checkNoBug } from "../harness/no-bug.ts";
import type { RestoredWorld } from "./restored-world.ts";

/** What the checkers find wrong when these sends are what is to be there, and nothing else. */
export async function problemsOf(world: RestoredWorld, sends: readonly SendRecord[]): Promise<string[]> {
  const hasDirect = sends.some(({ conversationId }) => conversationId === world.directId);
  const members = world.devices.map(({ device }, index) => ({
    device,
    conversations: hasDirect && index < 2 ? [world.groupId, world.directId] : [world.groupId],
  }));
  const logs = await readLogs(members);
  await awaitConvergence(members, logs, 30_000);
  const findings = checkHistory({ sends, logs, observers: observersOf(members), reads: [] });
  const bugs = await Promise.all(world.cluster.nodes.map(({ process }) => checkNoBug(process)));
  return [...findings, ...bugs].flatMap(({ violations }) => violations);
}
