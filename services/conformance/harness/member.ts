import { randomUUID } from "node:crypto";
import type { ListedLog, ObserverHistory } from "../../history/history.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import type { Device } from "./device.ts";
import { listLog } from "./listed-log.ts";
import { directConversationId, repeatCall, type User } from "./user.ts";

/** A device, and what its user takes part in. */
export interface Member {
  readonly device: Device;
  /** Groups and direct conversations. */
  readonly conversations: readonly string[];
}

/** Members that one call may name. */
const membersPerCallMax = 500;

/** Makes a group of the users, owned by the first, and answers its conversation id. */
export async function createGroup(name: string, users: readonly User[]): Promise<string> {
  const [owner, ...others] = users;
  if (owner === undefined) throw new Error("a group needs at least one user");
  const ids = others.map(({ accountId }) => accountId);
  const request = { requestId: randomUUID(), name, memberIds: ids.slice(0, membersPerCallMax) };
  const { conversationId } = await repeatCall(() => owner.groups.createGroup(request));
  for (let from = membersPerCallMax; from < ids.length; from += membersPerCallMax) {
    const accountIds = ids.slice(from, from + membersPerCallMax);
    const more = { conversationId, requestId: randomUUID(), accountIds };
    await repeatCall(() => owner.groups.addMembers(more));
  }
  return conversationId;
}

/** The direct conversations of one user, when each writes to the next one and to the one before, in a circle. */
export function directsOf(users: readonly User[], index: number): string[] {
  const at = (place: number): string => users[(place + users.length) % users.length]?.accountId ?? "";
  const ids = [at(index - 1), at(index + 1)].filter((peer) => peer !== at(index));
  return [...new Set(ids.map((peer) => directConversationId(at(index), peer)))];
}

/** For each conversation its first member, who has seen it from the beginning. */
export function readersOf(members: readonly Member[]): ReadonlyMap<string, User> {
  return new Map(
    members
      .toReversed()
      .flatMap(({ device, conversations }) => conversations.map((id) => [id, device.user] as const)),
  );
}

/** The log of each conversation, each listed once. */
export async function readLogs(members: readonly Member[]): Promise<ListedLog[]> {
  const logs: ListedLog[] = [];
  for (const [conversationId, user] of readersOf(members)) logs.push(await listLog(user, conversationId));
  return logs;
}

/**
 * Waits until each device holds each of its conversations to the end, or until `timeoutMs` are over; what is still
 * missing then, the checks name.
 */
export async function awaitConvergence(
  members: readonly Member[],
  logs: readonly ListedLog[],
  timeoutMs: number,
): Promise<void> {
  const heads = new Map(
    logs.map(({ conversationId, entries }) => [conversationId, entries.at(-1)?.seq ?? 0n]),
  );
  const converged = (): boolean =>
    members.every(({ device, conversations }) =>
      conversations.every((id) => device.store.seqOf(id) === heads.get(id)),
    );
  await waitUntil("all devices converged", converged, { timeoutMs }).catch(() => undefined);
}

/** What each device stored of each of its conversations. */
export function observersOf(members: readonly Member[]): ObserverHistory[] {
  return members.flatMap(({ device: { store, user }, conversations }) =>
    conversations.map((id) => store.history(user.deviceId, id)),
  );
}
