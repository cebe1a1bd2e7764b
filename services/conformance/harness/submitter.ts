import { create } from "@bufbuild/protobuf";
import {
  type ClientFrame,
  ClientFrameSchema,
  type SendResult,
} from "../../../gen/parley/session/v1/session_pb.ts";
import type { Upward } from "./link.ts";
import { callMsMax, type User } from "./user.ts";

/** Frames that one Submit may carry. */
const framesPerSubmit = 64;

/** The upward half of a device on Receive or Poll: one Submit at a time, so that frames stay in order. */
export class Submitter {
  readonly #user: User;
  readonly #signal: AbortSignal;
  readonly #onResults: (results: readonly SendResult[]) => void;
  readonly #onLost: (error: unknown) => void;
  #waiting: ClientFrame[] = [];
  #sessionId: string | undefined;
  #busy = false;

  /** `onLost` is told once when a Submit failed: the device then opens again, for it cannot know what was taken. */
  constructor(options: {
    readonly user: User;
    readonly signal: AbortSignal;
    readonly onResults: (results: readonly SendResult[]) => void;
    readonly onLost: (error: unknown) => void;
  }) {
    this.#user = options.user;
    this.#signal = options.signal;
    this.#onResults = options.onResults;
    this.#onLost = options.onLost;
  }

  /** Says on which session; what was said before goes out now. */
  begin(sessionId: string): void {
    this.#sessionId = sessionId;
    void this.#run(sessionId);
  }

  say(kind: Upward): void {
    this.#waiting.push(create(ClientFrameSchema, { kind }));
    if (this.#sessionId !== undefined) void this.#run(this.#sessionId);
  }

  async #run(sessionId: string): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#waiting.length > 0 && !this.#signal.aborted) {
        const frames = this.#waiting.slice(0, framesPerSubmit);
        this.#waiting = this.#waiting.slice(framesPerSubmit);
        const options = { signal: this.#signal, timeoutMs: callMsMax * 2 };
        const { results } = await this.#user.sessions.submit({ sessionId, frames }, options);
        if (!this.#signal.aborted) this.#onResults(results);
      }
    } catch (error) {
      if (!this.#signal.aborted) this.#onLost(error);
    } finally {
      this.#busy = false;
    }
  }
}
