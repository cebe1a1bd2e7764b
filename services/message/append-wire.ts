import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { ErrorReason, ErrorReasonSchema } from "../../gen/parley/error/v1/error_reason_pb.ts";
import {
  AccountListSchema,
  AppendCommandSchema,
  AppendResultSchema,
  CreateGroupSchema,
  type SendOrder as SendOrderMessage,
  type AppendCommand as WireCommand,
  type AppendResult as WireResult,
} from "../../gen/parley/mesh/v1/append_pb.ts";
import {
  type SendMessageResponse,
  SendMessageResponseSchema,
} from "../../gen/parley/message/v1/message_service_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import type { CommandCodec } from "../mesh/command-codec.ts";
import type { AppendBody, AppendCommand, AppendResult, Committed, SendOrder } from "./append-command.ts";
import { failureOf, faultOf } from "./failure-wire.ts";

/** The name of the call that carries commands to the owner of a conversation. */
export const appendCallName = "append";

/** The longest deadline that travels, in milliseconds; a uint32. */
const leftMsMax = 2 ** 32 - 1;

/**
 * How commands and their results travel between nodes. Deadlines travel as the time that is left, since every node has a
 * monotonic clock of its own; a node's results say exactly what it would have told its own clients. Decoding throws for
 * what lacks a part, or gives a reason that this node does not know.
 */
export function createAppendWire(
  clock: Pick<Clock, "monotonicMs">,
): CommandCodec<AppendCommand, AppendResult> {
  const leftMs = ({ expireMs }: AppendCommand): number => expireMs - clock.monotonicMs();
  return {
    name: appendCallName,
    moved: { kind: "moved" },
    leftMs,
    encode: (command) => toBinary(AppendCommandSchema, encodeCommand(command, leftMs(command))),
    decode: (body, expireMs) => {
      const wire = fromBinary(AppendCommandSchema, body);
      return decodeCommand(wire, Math.min(clock.monotonicMs() + wire.leftMs, expireMs));
    },
    encodeResult: (result) => toBinary(AppendResultSchema, encodeResult(result)),
    decodeResult: (body) => decodeResult(fromBinary(AppendResultSchema, body)),
  };
}

function encodeCommand(command: AppendCommand, leftMs: number): WireCommand {
  const { conversationId, senderId, senderDeviceId, clientMessageId, body, retry, order } = command;
  return create(AppendCommandSchema, {
    conversationId,
    senderId,
    senderDeviceId,
    clientMessageId,
    body: encodeBody(body),
    retry,
    leftMs: Math.floor(Math.min(Math.max(0, leftMs), leftMsMax)),
    ...(order === undefined ? {} : { order: { ...order } }),
  });
}

function encodeBody(body: AppendBody): WireCommand["body"] {
  switch (body.kind) {
    case "message":
      return { case: "message", value: body.content };
    case "createGroup": {
      const { name, memberIds } = body;
      return { case: "createGroup", value: create(CreateGroupSchema, { name, memberIds: [...memberIds] }) };
    }
    case "addMembers": {
      const accountIds = [...body.accountIds];
      return { case: "addMembers", value: create(AccountListSchema, { accountIds }) };
    }
    case "removeMember":
      return { case: "removeMember", value: body.accountId };
    case "leaveGroup":
      return { case: "leaveGroup", value: true };
  }
}

function decodeCommand(wire: WireCommand, expireMs: number): AppendCommand {
  const { conversationId, senderId, senderDeviceId, clientMessageId, body, retry, order } = wire;
  if (conversationId === "" || senderId === "" || clientMessageId === "") throw malformed("command");
  return {
    conversationId,
    senderId,
    senderDeviceId,
    clientMessageId,
    body: decodeBody(body),
    retry,
    expireMs,
    order: order === undefined ? undefined : decodeOrder(order),
  };
}

function decodeBody(body: WireCommand["body"]): AppendBody {
  switch (body.case) {
    case "message":
      return { kind: "message", content: body.value };
    case "createGroup":
      return { kind: "createGroup", name: body.value.name, memberIds: body.value.memberIds };
    case "addMembers":
      return { kind: "addMembers", accountIds: body.value.accountIds };
    case "removeMember":
      return { kind: "removeMember", accountId: body.value };
    case "leaveGroup":
      return { kind: "leaveGroup" };
    case undefined:
      throw malformed("body");
  }
}

function decodeOrder({ stream, sendEpoch, n }: SendOrderMessage): SendOrder {
  if (stream === "" || n === 0) throw malformed("order");
  return { stream, sendEpoch, n };
}

function encodeResult(result: AppendResult): WireResult {
  switch (result.kind) {
    case "committed":
      return create(AppendResultSchema, {
        outcome: { case: "committed", value: encodeCommitted(result.committed) },
      });
    case "failed":
      return create(AppendResultSchema, { outcome: { case: "failed", value: failureOf(result.fault) } });
    case "moved":
      return create(AppendResultSchema, { outcome: { case: "moved", value: true } });
  }
}

function encodeCommitted(committed: Committed): SendMessageResponse {
  const { conversationId, epoch, seq, messageOrdinal, entryId, createTimeMs } = committed;
  return create(SendMessageResponseSchema, {
    position: { conversationId, epoch, seq },
    messageOrdinal,
    entryId,
    createTime: timestampFromMs(createTimeMs),
  });
}

function decodeResult({ outcome }: WireResult): AppendResult {
  switch (outcome.case) {
    case "committed":
      return { kind: "committed", committed: decodeCommitted(outcome.value) };
    case "failed":
      if (!isKnown(outcome.value.reason)) throw malformed("reason");
      return { kind: "failed", fault: faultOf(outcome.value) };
    case "moved":
      return { kind: "moved" };
    case undefined:
      throw malformed("outcome");
  }
}

/** Of a newer node's reason this one could not say which code it has. */
function isKnown(reason: ErrorReason): boolean {
  return reason !== ErrorReason.UNSPECIFIED && ErrorReasonSchema.value[reason] !== undefined;
}

function decodeCommitted(response: SendMessageResponse): Committed {
  const { position, messageOrdinal, entryId, createTime } = response;
  if (position === undefined || createTime === undefined || position.seq === 0n) throw malformed("position");
  const { conversationId, epoch, seq } = position;
  return { conversationId, epoch, seq, messageOrdinal, entryId, createTimeMs: timestampMs(createTime) };
}

function malformed(what: string): Error {
  return new Error(`the ${what} of an append lacks something or is of an unknown kind`);
}
