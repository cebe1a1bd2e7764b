import type {
  ClientFrame,
  Open,
  SendResult,
  ServerFrame,
} from "../../../gen/parley/session/v1/session_pb.ts";
import { openAttachLink, type ReadPace } from "./attach-link.ts";
import { openPollLink } from "./poll-link.ts";
import { openReceiveLink } from "./receive-link.ts";
import type { User } from "./user.ts";

/** The three ways to drive the one state machine of an attached device. */
export type Way = "attach" | "receive" | "poll";

/** What the device says upward. */
export type Upward = ClientFrame["kind"];

/** One attached stream, whichever way it goes. */
export interface Link {
  /** Ends after `closed`, or when the network broke; throws a refusal as the error that the client library gives. */
  readonly frames: AsyncIterable<ServerFrame>;
  say(kind: Upward): void;
  /** Breaks the connection as a network does: no goodbye. */
  drop(): void;
  /** Poll only: throws the rest of the current answer away, as if it had been lost on its way. */
  loseAnswer?(): void;
}

/** What a link needs to open. */
export interface LinkOptions {
  readonly user: User;
  readonly open: Open;
  /** Answers to sends that do not come in frames: those of Submit. */
  readonly onResults: (results: readonly SendResult[]) => void;
  /** How fast the device reads; Attach only. */
  readonly pace?: ReadPace;
}

/** Opens a stream. Nothing is thrown here: whatever goes wrong shows when `frames` is read. */
export function openLink(way: Way, options: LinkOptions): Link {
  switch (way) {
    case "attach":
      return openAttachLink(options);
    case "receive":
      return openReceiveLink(options);
    case "poll":
      return openPollLink(options);
    default:
      return way satisfies never;
  }
}
