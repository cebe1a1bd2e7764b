import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { createContextValues, createHandlerContext, type HandlerContext } from "@connectrpc/connect";
import { GroupService } from "../../../gen/parley/message/v1/group_service_pb.ts";
import { MessageService } from "../../../gen/parley/message/v1/message_service_pb.ts";
import { addMembers } from "../../message/add-members.rpc.ts";
import { createGroup } from "../../message/create-group.rpc.ts";
import { leaveGroup } from "../../message/leave-group.rpc.ts";
import { listEntries } from "../../message/list-entries.rpc.ts";
import { removeMember } from "../../message/remove-member.rpc.ts";
import type { MessageRouteDeps } from "../../message/routes.ts";
import { sendMessage } from "../../message/send-message.rpc.ts";
import { type Caller, callerKey } from "../../rpc/caller.ts";
import type { ValidateMessage } from "../../rpc/message-validator.ts";

/** Answers one call, from bytes to bytes. Throws what the handler throws. */
export type EdgeHandler = (request: Uint8Array, caller: Caller) => Promise<Uint8Array>;

type Implementation<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  context: HandlerContext,
) => Promise<MessageInitShape<Output>> | MessageInitShape<Output>;

/** The unary methods that simulated clients call, by name: production's handlers without HTTP around them. */
export function edgeMethods(
  messages: MessageRouteDeps,
  validateMessage: ValidateMessage,
): ReadonlyMap<string, EdgeHandler> {
  const handlers = new Map<string, EdgeHandler>();
  const serve = <Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    implementation: Implementation<Input, Output>,
  ): void => {
    handlers.set(method.name, async (bytes, caller) => {
      const request = fromBinary(method.input, bytes);
      validateMessage(method.input, request);
      const answer = await implementation(request, contextOf(method, caller));
      return toBinary(method.output, create(method.output, answer));
    });
  };
  serve(MessageService.method.sendMessage, sendMessage(messages));
  serve(MessageService.method.listEntries, listEntries(messages));
  serve(GroupService.method.createGroup, createGroup(messages));
  serve(GroupService.method.addMembers, addMembers(messages));
  serve(GroupService.method.removeMember, removeMember(messages));
  serve(GroupService.method.leaveGroup, leaveGroup(messages));
  return handlers;
}

function contextOf(method: DescMethodUnary, caller: Caller): HandlerContext {
  return createHandlerContext({
    service: method.parent,
    method,
    protocolName: "simulated",
    requestMethod: "POST",
    url: "http://simulated/",
    contextValues: createContextValues().set(callerKey, caller),
  });
}
