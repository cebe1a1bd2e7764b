import { toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { ConversationSchema } from "../../../gen/parley/message/v1/conversation_pb.ts";
import { ConversationService } from "../../../gen/parley/message/v1/conversation_service_pb.ts";
import { type Entry, EntrySchema } from "../../../gen/parley/message/v1/entry_pb.ts";
import { ListDirection, MessageService } from "../../../gen/parley/message/v1/message_service_pb.ts";
import { accountNames, conversationIdOf } from "../account-names.ts";
import { type CommandContext, connect, type PersonOptions } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { entryText } from "../entry-text.ts";
import { exitCodes } from "../exit-codes.ts";

const pageSize = 500;

export interface HistoryOptions extends PersonOptions {
  readonly limit: string;
}

/** `parley history WITH`: the newest entries of a conversation, oldest first. */
export async function history(context: CommandContext, name: string, options: HistoryOptions): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new CommandError(`--limit must be a whole number from 1, it is ${options.limit}`, exitCodes.usage);
  }
  const connection = await connect(context, options);
  const conversationId = await conversationIdOf(connection, name);
  const messages = createClient(MessageService, connection.transport);
  const entries: Entry[] = [];
  let seq = 0n;
  for (let more = true; more && entries.length < limit; ) {
    const size = Math.min(pageSize, limit - entries.length);
    const request = { conversationId, seq, direction: ListDirection.BACKWARD, pageSize: size };
    const page = await messages.listEntries(request);
    entries.push(...page.entries);
    seq = page.nextSeq;
    more = page.hasMore;
  }
  const nameOf = accountNames(connection.transport);
  for (const entry of entries.toReversed()) {
    context.print(options.json ? JSON.stringify(toJson(EntrySchema, entry)) : await entryText(entry, nameOf));
  }
}

/** `parley conversations`: the conversations of the account, most recently active first. */
export async function conversations(context: CommandContext, options: PersonOptions): Promise<void> {
  const connection = await connect(context, options);
  const client = createClient(ConversationService, connection.transport);
  const nameOf = accountNames(connection.transport);
  let pageToken = "";
  do {
    const page = await client.listConversations({ pageToken, pageSize: 200 });
    for (const conversation of page.conversations) {
      if (options.json) {
        context.print(JSON.stringify(toJson(ConversationSchema, conversation)));
        continue;
      }
      const title = conversation.name || (await nameOf(conversation.peerId));
      const unread = conversation.unreadCount > 0n ? `  ${conversation.unreadCount} unread` : "";
      const left = conversation.member ? "" : "  (left)";
      context.print(
        `${conversation.conversationId}  ${title}  #${conversation.head?.seq ?? 0n}${unread}${left}`,
      );
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
