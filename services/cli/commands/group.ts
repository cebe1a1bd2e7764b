import { createClient } from "@connectrpc/connect";
import { GroupService } from "../../../gen/parley/message/v1/group_service_pb.ts";
import { accountIdOf } from "../account-names.ts";
import { type CommandContext, connect, type PersonOptions } from "../command-context.ts";
import type { ServerConnection } from "../server-connection.ts";

export interface GroupOptions extends PersonOptions {
  /** The request id of an earlier try, to repeat it. */
  readonly id?: string;
}

/** `parley group create NAME MEMBER…` */
export async function createGroup(
  context: CommandContext,
  name: string,
  members: readonly string[],
  options: GroupOptions,
): Promise<void> {
  const connection = await connect(context, options);
  const memberIds = await accountIds(connection, members);
  const request = { requestId: requestId(context, options), name, memberIds };
  const { conversationId } = await groups(connection).createGroup(request);
  context.print(options.json ? JSON.stringify({ conversationId }) : conversationId);
}

/** `parley group add GROUP MEMBER…` */
export async function addMembers(
  context: CommandContext,
  conversationId: string,
  members: readonly string[],
  options: GroupOptions,
): Promise<void> {
  const connection = await connect(context, options);
  const request = { requestId: requestId(context, options), conversationId };
  const answer = await groups(connection).addMembers({
    ...request,
    accountIds: await accountIds(connection, members),
  });
  printPosition(context, conversationId, answer.position?.seq, options);
}

/** `parley group remove GROUP MEMBER` */
export async function removeMember(
  context: CommandContext,
  conversationId: string,
  member: string,
  options: GroupOptions,
): Promise<void> {
  const connection = await connect(context, options);
  const accountId = await accountIdOf(connection.transport, member);
  const request = { requestId: requestId(context, options), conversationId, accountId };
  const answer = await groups(connection).removeMember(request);
  printPosition(context, conversationId, answer.position?.seq, options);
}

/** `parley group leave GROUP` */
export async function leaveGroup(
  context: CommandContext,
  conversationId: string,
  options: GroupOptions,
): Promise<void> {
  const connection = await connect(context, options);
  const request = { requestId: requestId(context, options), conversationId };
  const answer = await groups(connection).leaveGroup(request);
  printPosition(context, conversationId, answer.position?.seq, options);
}

function groups(connection: ServerConnection): ReturnType<typeof createClient<typeof GroupService>> {
  return createClient(GroupService, connection.transport);
}

function requestId(context: CommandContext, options: GroupOptions): string {
  return options.id ?? context.rng.uuid();
}

function accountIds(connection: ServerConnection, members: readonly string[]): Promise<string[]> {
  return Promise.all(members.map((member) => accountIdOf(connection.transport, member)));
}

function printPosition(
  context: CommandContext,
  conversationId: string,
  seq: bigint | undefined,
  options: GroupOptions,
): void {
  const text = `${seq ?? 0n}`;
  context.print(options.json ? JSON.stringify({ conversationId, seq: text }) : `${conversationId}#${text}`);
}
