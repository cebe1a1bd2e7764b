import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type { MethodImpl } from "@connectrpc/connect";
import type { ConversationService } from "../../gen/parley/message/v1/conversation_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import { accessConversation } from "./conversation-access.ts";
import { describeConversation } from "./get-conversation.rpc.ts";
import { type Reading, readPersonal } from "./reading.ts";
import { versionsEvent } from "./signals.ts";

/** The last millisecond of the year 9999, which means for ever; in milliseconds since 1970. */
export const muteEndMsMax = 253_402_300_799_999;

/** MuteConversation. */
export function muteConversation(
  reading: Reading,
): MethodImpl<typeof ConversationService.method.muteConversation> {
  return async (request, context) => {
    const { accountId } = callerOf(context);
    const { conversationId } = request;
    const access = await accessConversation(reading, accountId, conversationId);
    const muteEndMs = muteEndOf(request.muteEndTime, reading.clock.wallMs());
    const personal = await readPersonal(reading, accountId, [conversationId]);
    // A repeated call changes no version, so that no device lists for nothing.
    if (personal.get(conversationId)?.muteEndMs !== muteEndMs) {
      const version = await reading.versions.next();
      await reading.personal.setMute({ accountId, conversationId, muteEndMs, version });
      reading.events.publish(versionsEvent(accountId, version));
    }
    return { conversation: await describeConversation(reading, accountId, access) };
  };
}

/** 0, which turns notifications on, for a time that is unset or past. */
function muteEndOf(time: Timestamp | undefined, nowMs: number): number {
  if (time === undefined) return 0;
  const endMs = timestampMs(time);
  return endMs <= nowMs ? 0 : Math.min(endMs, muteEndMsMax);
}
