import { create } from "@bufbuild/protobuf";
import { type Open, OpenedSchema, VersionsSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { controlFrame, type EncodedFrame } from "./frame-writer.ts";
import {
  frameRevision,
  heartbeatMsDefault,
  heartbeatMsMax,
  heartbeatMsMin,
  windowEventsDefault,
} from "./session-limits.ts";
import type { SessionDevice } from "./session-parts.ts";
import { durationMs, durationOf, timestampOf } from "./wire-time.ts";

/** What a device gets of what it asked for. */
export interface SessionTerms {
  readonly heartbeatMs: number;
  /** How many events may be unacknowledged. */
  readonly windowEvents: number;
}

/** What else the first frame tells; times in wall milliseconds. */
export interface OpenedFacts {
  readonly device: SessionDevice;
  readonly tokenExpireMs: number;
  readonly serverMs: number;
  readonly conversations: string;
  readonly resumeTicket: string;
}

/** The terms for what a device asked for; its `open` has passed validation. */
export function termsFor({ heartbeatInterval, window }: Open): SessionTerms {
  const wishedMs = heartbeatInterval === undefined ? heartbeatMsDefault : durationMs(heartbeatInterval);
  return {
    heartbeatMs: Math.min(Math.max(wishedMs, heartbeatMsMin), heartbeatMsMax),
    windowEvents: window === 0 ? windowEventsDefault : window,
  };
}

/** The first frame of a stream. */
export function openedFrame(terms: SessionTerms, facts: OpenedFacts): EncodedFrame {
  const { device, conversations, resumeTicket } = facts;
  const value = create(OpenedSchema, {
    sessionId: device.sessionId,
    generation: device.generation,
    resumeTicket,
    heartbeatInterval: durationOf(terms.heartbeatMs),
    window: terms.windowEvents,
    tokenExpireTime: timestampOf(facts.tokenExpireMs),
    serverTime: timestampOf(facts.serverMs),
    versions: create(VersionsSchema, { conversations }),
    revision: frameRevision,
  });
  return controlFrame({ case: "opened", value });
}
