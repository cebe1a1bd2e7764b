import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Entry, EntrySchema } from "../../gen/parley/message/v1/entry_pb.ts";
import { encodeId } from "../kernel/id-text.ts";
import type { AppendCommand } from "./append-command.ts";
import type { ConversationState } from "./conversation-state.ts";
import { hasEffects } from "./effects.ts";
import type { EntryRow } from "./ports.ts";

/** What the node adds to an accepted command. */
export interface Stamp {
  readonly entryId: bigint;
  readonly epoch: bigint;
  readonly createTimeMs: number;
}

/** The entry after `state` that a command becomes. */
export function entryAfter(
  state: ConversationState,
  command: AppendCommand,
  body: Entry["body"],
  stamp: Stamp,
): Entry {
  return create(EntrySchema, {
    conversationId: state.conversationId,
    epoch: stamp.epoch,
    seq: state.last + 1n,
    messageOrdinal: state.messageOrdinal + (body.case === "message" ? 1n : 0n),
    entryId: encodeId(stamp.entryId),
    createTime: timestampFromMs(stamp.createTimeMs),
    senderId: command.senderId,
    senderDeviceId: command.senderDeviceId,
    clientMessageId: command.clientMessageId,
    body,
  });
}

/** The row of an entry. It is encoded here, once: these bytes reach the log and every device. */
export function rowOfEntry(entry: Entry, stamp: Stamp, digest: Uint8Array): EntryRow {
  return {
    conversationId: entry.conversationId,
    seq: entry.seq,
    epoch: entry.epoch,
    messageOrdinal: entry.messageOrdinal,
    entryId: stamp.entryId,
    senderId: entry.senderId,
    clientMessageId: entry.clientMessageId,
    digest,
    hasEffects: hasEffects(entry.body),
    createTimeMs: stamp.createTimeMs,
    bytes: toBinary(EntrySchema, entry),
  };
}

/** The entry that a row of the log (not a void one) holds. */
export function entryOfRow(row: Pick<EntryRow, "bytes">): Entry {
  return fromBinary(EntrySchema, row.bytes);
}
