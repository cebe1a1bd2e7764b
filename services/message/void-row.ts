import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FailureSchema } from "../../gen/parley/error/v1/failure_pb.ts";
import type { Fault } from "../kernel/fault.ts";
import { failureOf, faultOf } from "./failure-wire.ts";
import type { EntryRow } from "./ports.ts";

/** What a void row is made of. */
export interface VoidFields
  extends Pick<
    EntryRow,
    "conversationId" | "epoch" | "senderId" | "clientMessageId" | "digest" | "createTimeMs"
  > {
  /** 64-bit id, positive; the row's seq is its negative, so that it is unique and never part of the log. */
  readonly id: bigint;
  /** The rejection, which is the id's result from now on and for ever. */
  readonly fault: Fault;
}

/** The row that takes the client id of a rejected send, so that an earlier try on its way cannot commit any more. */
export function voidRow(fields: VoidFields): EntryRow {
  const { id, fault, ...rest } = fields;
  return {
    ...rest,
    seq: -id,
    entryId: id,
    messageOrdinal: 0n,
    hasEffects: false,
    bytes: toBinary(FailureSchema, failureOf(fault)),
  };
}

/** Whether a row is a void one. */
export function isVoid(row: Pick<EntryRow, "seq">): boolean {
  return row.seq < 0n;
}

/** The rejection that a void row holds. */
export function faultOfVoid(row: Pick<EntryRow, "bytes">): Fault {
  return faultOf(fromBinary(FailureSchema, row.bytes));
}
