import { fromBinary } from "@bufbuild/protobuf";
import type { MethodImpl } from "@connectrpc/connect";
import { EntrySchema } from "../../gen/parley/message/v1/entry_pb.ts";
import {
  EntryView,
  ListDirection,
  type MessageService,
} from "../../gen/parley/message/v1/message_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import { type AccessStores, accessConversation } from "./conversation-access.ts";
import { readHistoryPage } from "./history-page.ts";
import { pageSizeOf } from "./page-size.ts";

/** Entries in a page, and what is taken for 0; larger wishes are cut to the maximum. */
export const entriesPerPage = { default: 50, max: 500 } as const;

/** A page ends before the entry that would bring its entries above this many bytes; 1 MiB. */
export const pageBytesMax = 1024 * 1024;

/**
 * ListEntries. Entries are decoded and encoded again, instead of being passed on as bytes, because JSON clients
 * could not be given bytes; unknown bodies survive that as unknown fields.
 */
export function listEntries(stores: AccessStores): MethodImpl<typeof MessageService.method.listEntries> {
  return async (request, context) => {
    const { conversationId, seq } = request;
    const { newest, spans } = await accessConversation(stores, callerOf(context).accountId, conversationId);
    const page = await readHistoryPage(stores.entries, {
      conversationId,
      spans,
      seq,
      direction: request.direction === ListDirection.BACKWARD ? "backward" : "forward",
      limit: { entriesMax: pageSizeOf(request.pageSize, entriesPerPage), bytesMax: pageBytesMax },
    });
    const entries = page.rows.map((row) => fromBinary(EntrySchema, row.bytes));
    const messagesOnly = request.view === EntryView.CURRENT;
    return {
      entries: messagesOnly ? entries.filter((entry) => entry.body.case === "message") : entries,
      nextSeq: page.nextSeq,
      hasMore: page.hasMore,
      head: { conversationId, epoch: newest.epoch, seq: newest.seq },
    };
  };
}
