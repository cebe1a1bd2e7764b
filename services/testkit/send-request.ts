import { create } from "@bufbuild/protobuf";
import {
  type SendMessageRequest,
  SendMessageRequestSchema,
} from "../../gen/parley/message/v1/message_service_pb.ts";
import type { SendRecord } from "../history/history.ts";

/** The request of one try of a send, `tries` being counted already. */
export function sendRequest({
  conversationId,
  clientMessageId,
  text,
  tries,
}: SendRecord): SendMessageRequest {
  const content = { kind: { case: "text", value: { text } } } as const;
  return create(SendMessageRequestSchema, { conversationId, clientMessageId, content, retry: tries > 1 });
}
