import { nodeRecordCharactersMax } from "../node-record.ts";
import { idSlotsMax } from "./id-slots.ts";

/** Bounds of what is asked of etcd. */
export const etcdLimits = {
  /** A request without an answer has failed, in milliseconds; its outcome is unknown. */
  requestMsMax: 1_400,
  /** All requests of one call of the coordinator, in milliseconds: within what the membership waits for, `callMsMax`. */
  callMsMax: 2_900,
  /** A connection that is silent this long is asked whether it lives; in milliseconds. etcd refuses less than 5 s. */
  keepaliveMs: 10_000,
  /** And has this long to answer; in milliseconds. */
  keepaliveAnswerMs: 3_000,
  /** An answer of etcd, in bytes: a listing of as many nodes as there can be, three bytes a character, and their keys. */
  answerBytesMax: idSlotsMax * (3 * nodeRecordCharactersMax + 1_024),
  /** How often a renewal that finds its entry written by an earlier call of its own starts over. */
  renewRoundsMax: 3,
} as const;

/** What follows a watch that broke: full jitter, 250 ms doubling to 5 s. */
export const watchRetry = { baseMs: 250, maxMs: 5_000 } as const;
