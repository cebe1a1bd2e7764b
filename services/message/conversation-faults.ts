import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";

/** There is no such conversation, or the caller may never see it; which one is not told. */
export function conversationNotFound(conversationId: string): Fault {
  return new Fault(ErrorReason.CONVERSATION_NOT_FOUND, "there is no such conversation for this account", {
    metadata: { conversation_id: conversationId },
  });
}

/** The caller has left the group, or was removed. */
export function notAMember(conversationId: string): Fault {
  return new Fault(ErrorReason.NOT_A_MEMBER, "this account is no longer a member of the group", {
    metadata: { conversation_id: conversationId },
  });
}

/** The method works on groups only. */
export function notAGroup(conversationId: string): Fault {
  return new Fault(
    ErrorReason.NOT_A_GROUP,
    "this is a direct conversation, the method works on groups only",
    {
      metadata: { conversation_id: conversationId },
    },
  );
}

/** The position is above the newest entry that the caller may see. */
export function positionAboveHead(seq: bigint, headSeq: bigint): Fault {
  return new Fault(
    ErrorReason.POSITION_ABOVE_HEAD,
    `seq ${seq} is above the newest visible entry, ${headSeq}`,
    {
      metadata: { seq: String(seq), head: String(headSeq) },
    },
  );
}

/** The token was not given out by this method for these arguments. */
export function pageTokenInvalid(): Fault {
  const message = "the page token was not given out by this method for these arguments: start without one";
  return new Fault(ErrorReason.PAGE_TOKEN_INVALID, message);
}
