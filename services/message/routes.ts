import type { ConnectRouter } from "@connectrpc/connect";
import { ConversationService } from "../../gen/parley/message/v1/conversation_service_pb.ts";
import { GroupService } from "../../gen/parley/message/v1/group_service_pb.ts";
import { MessageService } from "../../gen/parley/message/v1/message_service_pb.ts";
import { addMembers } from "./add-members.rpc.ts";
import { createGroup } from "./create-group.rpc.ts";
import { getConversation } from "./get-conversation.rpc.ts";
import type { GroupChanges } from "./group-command.ts";
import { leaveGroup } from "./leave-group.rpc.ts";
import { listConversations } from "./list-conversations.rpc.ts";
import { listEntries } from "./list-entries.rpc.ts";
import { listMembers } from "./list-members.rpc.ts";
import { markRead } from "./mark-read.rpc.ts";
import { muteConversation } from "./mute-conversation.rpc.ts";
import type { Reading } from "./reading.ts";
import { removeMember } from "./remove-member.rpc.ts";
import { sendMessage } from "./send-message.rpc.ts";

/** What the RPCs of the message domain work with. */
export type MessageRouteDeps = Reading & GroupChanges;

/** The services of the message domain. */
export function messageRoutes(deps: MessageRouteDeps): (router: ConnectRouter) => void {
  return (router) => {
    router.service(MessageService, { sendMessage: sendMessage(deps), listEntries: listEntries(deps) });
    router.service(ConversationService, {
      listConversations: listConversations(deps),
      getConversation: getConversation(deps),
      markRead: markRead(deps),
      muteConversation: muteConversation(deps),
    });
    router.service(GroupService, {
      createGroup: createGroup(deps),
      addMembers: addMembers(deps),
      removeMember: removeMember(deps),
      leaveGroup: leaveGroup(deps),
      listMembers: listMembers(deps),
    });
  };
}
