import { type DescMethod, type DescService, getOption } from "@bufbuild/protobuf";
import { AccountService } from "../../../gen/parley/account/v1/account_service_pb.ts";
import { ConversationService } from "../../../gen/parley/message/v1/conversation_service_pb.ts";
import { GroupService } from "../../../gen/parley/message/v1/group_service_pb.ts";
import { MessageService } from "../../../gen/parley/message/v1/message_service_pb.ts";
import {
  AuthLevel,
  method as methodPolicy,
  service as servicePolicy,
} from "../../../gen/parley/policy/v1/policy_pb.ts";
import { SessionService } from "../../../gen/parley/session/v1/session_service_pb.ts";

const services: readonly DescService[] = [
  AccountService,
  MessageService,
  ConversationService,
  GroupService,
  SessionService,
];

/** Every method that a node serves. */
export const allMethods: readonly DescMethod[] = services.flatMap((service) => service.methods);

/** `parley.account.v1.AccountService/Login`: the path of a method without its first slash. */
export function methodPath(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

/** Whether the contract demands a token. */
export function needsToken(method: DescMethod): boolean {
  const own = getOption(method, methodPolicy).auth;
  const level = own === AuthLevel.UNSPECIFIED ? getOption(method.parent, servicePolicy).auth : own;
  return level === AuthLevel.ACCOUNT;
}
