import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PositionSchema } from "../../gen/parley/message/v1/entry_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import { callerOf } from "../rpc/caller.ts";
import type { AppendBody } from "./append-command.ts";
import { type AppendRouter, appendOrThrow, commandExpireMs } from "./append-router.ts";
import { conversationNotFound, notAGroup } from "./conversation-faults.ts";
import { parseConversationId } from "./conversation-id.ts";
import { peerOf } from "./conversation-state.ts";

/** What changes of groups work with. */
export interface GroupChanges {
  readonly router: AppendRouter;
  readonly clock: Clock;
}

/** What a change takes from its call: who calls, and how much time the call has left in milliseconds. */
export type ChangeCall = Parameters<typeof callerOf>[0] & { timeoutMs(): number | undefined };

/** A change of a group: `requestId` as the caller wrote it. */
export interface GroupChange {
  readonly conversationId: string;
  readonly requestId: string;
  readonly body: AppendBody;
}

/** Appends a change in the caller's name and answers where its entry stands. Throws as `appendOrThrow` does. */
export async function changeGroup(
  { router, clock }: GroupChanges,
  call: ChangeCall,
  change: GroupChange,
): Promise<MessageInitShape<typeof PositionSchema>> {
  const { accountId, deviceId } = callerOf(call);
  const { conversationId, epoch, seq } = await appendOrThrow(
    router,
    {
      conversationId: change.conversationId,
      senderId: accountId,
      senderDeviceId: deviceId,
      clientMessageId: change.requestId.toLowerCase(),
      body: change.body,
      // Requests do not say whether they were made before, so each is taken for a repetition: its first try may be under
      // way at another node, and a rejection must not be told before it is sure that the first try cannot be accepted.
      retry: true,
      expireMs: commandExpireMs(clock, call.timeoutMs()),
      order: undefined,
    },
    clock,
  );
  return { conversationId, epoch, seq };
}

/**
 * Throws unless the id is a group's: NOT_A_GROUP for the caller's own direct conversations, CONVERSATION_NOT_FOUND
 * for anything else. Whether the group exists is decided where it is changed or read.
 */
export function assertGroupId(conversationId: string, accountId: string): void {
  const ref = parseConversationId(conversationId);
  if (ref?.kind === "group") return;
  if (ref !== undefined && peerOf(ref, accountId) !== undefined) throw notAGroup(conversationId);
  throw conversationNotFound(conversationId);
}
