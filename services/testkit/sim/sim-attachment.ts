import type { ServerFrame } from "../../../gen/parley/session/v1/session_pb.ts";
import type { Timer } from "../../kernel/clock.ts";
import type { StreamNotes } from "../stream-ledger.ts";
import type { EdgeStream } from "./edge-client.ts";

/** What a device has lived through. */
export interface DeviceTally {
  streams: number;
  redelivered: number;
  dropped: number;
  gaps: number;
  behind: number;
  rewound: number;
  readonly closed: Map<string, number>;
}

/** Of a device that has not lived yet. */
export function newTally(): DeviceTally {
  return { streams: 0, redelivered: 0, dropped: 0, gaps: 0, behind: 0, rewound: 0, closed: new Map() };
}

/** A stream of a device, and where it is with it. */
export interface Attachment {
  stream: EdgeStream;
  readonly notes: StreamNotes;
  readonly frames: ServerFrame[];
  isWorking: boolean;
  isOver: boolean;
  /** By conversation, the last entry that could not be stored and did not come again yet. */
  readonly lost: Map<string, bigint>;
  /** The highest delivery id up to which everything is stored. */
  stored: bigint;
  silence: Timer | undefined;
}

/** Until the real one is there, in the same turn. */
const idleStream: EdgeStream = {
  say: () => undefined,
  drop: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
};

/** One whose stream is not there yet. */
export function newAttachment(notes: StreamNotes): Attachment {
  return {
    stream: idleStream,
    notes,
    frames: [],
    isWorking: false,
    isOver: false,
    lost: new Map(),
    stored: 0n,
    silence: undefined,
  };
}

/** Which attach a ticket is of. Nodes alone can check it, anybody can read it. */
export function generationOf(ticket: string): bigint {
  return BigInt(Buffer.from(ticket.split(".")[2] ?? "", "base64url").toString());
}
