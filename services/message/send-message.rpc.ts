import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { MethodImpl } from "@connectrpc/connect";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import type { MessageService } from "../../gen/parley/message/v1/message_service_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import { callerOf } from "../rpc/caller.ts";
import { type AppendRouter, appendOrThrow, commandExpireMs } from "./append-router.ts";

/** What sending needs. */
export interface Sending {
  readonly router: AppendRouter;
  readonly clock: Clock;
}

/** SendMessage: one entry, without a place among the sends of a stream. */
export function sendMessage({
  router,
  clock,
}: Sending): MethodImpl<typeof MessageService.method.sendMessage> {
  return async (request, context) => {
    const { accountId, deviceId } = callerOf(context);
    const { conversationId, content } = request;
    if (content === undefined) throw contentMissing();
    const command = {
      conversationId,
      senderId: accountId,
      senderDeviceId: deviceId,
      clientMessageId: request.clientMessageId.toLowerCase(),
      body: { kind: "message", content },
      retry: request.retry,
      expireMs: commandExpireMs(clock, context.timeoutMs()),
      order: undefined,
    } as const;
    const { seq, epoch, messageOrdinal, entryId, createTimeMs } = await appendOrThrow(router, command, clock);
    const position = { conversationId, epoch, seq };
    return { position, messageOrdinal, entryId, createTime: timestampFromMs(createTimeMs) };
  };
}

/** The schema demands it; only a server that does not validate gets here. */
function contentMissing(): Fault {
  const metadata = { field: "content", rule: "required" };
  return new Fault(ErrorReason.INVALID_FIELD, "content is required", { metadata });
}
