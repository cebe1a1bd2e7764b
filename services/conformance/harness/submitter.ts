import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ClientFrame,
  ClientFrameSchema,
  type SendResult,
} from "../../../gen/parley/session/v1/session_pb.ts";
import type { Upward } from "./link.ts";
import { pause } from "./pause.ts";
import { refusalOf } from "./refusal.ts";
import { callMsMax, type User } from "./user.ts";

/** Frames that one Submit may carry. */
const framesPerSubmit = 64;

/**
 * How long Receive or Poll may take to say why a session ended of which Submit says that it is gone, in milliseconds: as
 * long as a Poll waits, and a little for its way.
 */
const farewellMsMax = 7_000;

/**
 * The upward half of a device on Receive or Poll. Sends go one Submit at a time, so that they stay in order; everything else
 * goes beside them, so that acknowledgements and pongs do not wait until sends are answered.
 */
export class Submitter {
  readonly #user: User;
  readonly #signal: AbortSignal;
  readonly #onResults: (results: readonly SendResult[]) => void;
  readonly #onLost: (error: ConnectError) => void;
  readonly #sends: Lane = { waiting: [], busy: false };
  readonly #others: Lane = { waiting: [], busy: false };
  #sessionId: string | undefined;

  /**
   * `onLost` is told when a Submit failed: the device then opens again, for it cannot know what was taken. Of a session that is
   * gone the other half has the last word, since it may say that the device must stay closed.
   */
  constructor(options: {
    readonly user: User;
    readonly signal: AbortSignal;
    readonly onResults: (results: readonly SendResult[]) => void;
    readonly onLost: (error: ConnectError) => void;
  }) {
    this.#user = options.user;
    this.#signal = options.signal;
    this.#onResults = options.onResults;
    this.#onLost = options.onLost;
  }

  /** Says on which session; what was said before goes out now. */
  begin(sessionId: string): void {
    this.#sessionId = sessionId;
    for (const lane of [this.#sends, this.#others]) void this.#run(lane, sessionId);
  }

  say(kind: Upward): void {
    const lane = kind.case === "send" ? this.#sends : this.#others;
    lane.waiting.push(create(ClientFrameSchema, { kind }));
    if (this.#sessionId !== undefined) void this.#run(lane, this.#sessionId);
  }

  async #run(lane: Lane, sessionId: string): Promise<void> {
    if (lane.busy) return;
    lane.busy = true;
    try {
      while (lane.waiting.length > 0 && !this.#signal.aborted) {
        const frames = lane.waiting.splice(0, framesPerSubmit);
        const options = { signal: this.#signal, timeoutMs: callMsMax * 2 };
        const { results } = await this.#user.sessions.submit({ sessionId, frames }, options);
        if (!this.#signal.aborted) this.#onResults(results);
      }
    } catch (error) {
      const { reason, message } = refusalOf(error);
      if (reason === "SESSION_NOT_FOUND") await pause(farewellMsMax, this.#signal);
      const why = `a Submit failed: ${reason} ${message}`;
      if (!this.#signal.aborted) this.#onLost(new ConnectError(why, Code.Canceled));
    } finally {
      lane.busy = false;
    }
  }
}

/** Frames of which one Submit at a time is under way. */
interface Lane {
  readonly waiting: ClientFrame[];
  busy: boolean;
}
