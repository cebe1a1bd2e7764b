import { create } from "@bufbuild/protobuf";
import { LinkRefusalSchema, LinkWelcomeSchema } from "../../gen/parley/mesh/v1/link_pb.ts";
import type { Timer } from "../kernel/clock.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { IncomingStream } from "./incoming-stream.ts";
import { decodeRequest, encodeResponse, type RequestFrame } from "./link-frames.ts";
import type { Refusal } from "./link-greeting.ts";
import type { LinkReceiver } from "./link-receiver.ts";
import type { LinkSurroundings } from "./link-surroundings.ts";
import type { LinkListener } from "./links.ts";
import type { FrameStream } from "./transport.ts";

/** What a hello leads to. */
export type Greeting = Welcome | Refusal;

interface Welcome {
  readonly from: string;
  readonly receiver: LinkReceiver;
  readonly protocol: number;
}

/** What an accepted stream is made from. */
export interface AcceptedStreamOptions {
  readonly stream: FrameStream;
  readonly surroundings: LinkSurroundings & { readonly listener: LinkListener };
  /** Looks at the first frame. */
  readonly greet: (frame: RequestFrame) => Greeting;
  /** Once, also after `close`. */
  readonly onEnded: (reason: string) => void;
}

type AcceptedState =
  | { readonly kind: "silent"; readonly timer: Timer }
  | { readonly kind: "served"; readonly incoming: IncomingStream }
  /** The other side ends the stream when it has read the refusal; if it does not, the timer does. */
  | { readonly kind: "refused"; readonly timer: Timer }
  | { readonly kind: "ended" };

/** A stream that another node has opened, from its first frame to its end. */
export class AcceptedStream {
  readonly #options: AcceptedStreamOptions;
  #state: AcceptedState;

  constructor(options: AcceptedStreamOptions) {
    this.#options = options;
    this.#state = { kind: "silent", timer: this.#closeLater("no hello came in time") };
    options.stream.listen({
      onFrame: (bytes) => this.#onFrame(bytes),
      onDrain: () => {
        if (this.#state.kind === "served") this.#state.incoming.drained();
      },
      onClosed: (reason) => this.close(reason),
    });
  }

  /** The node that the other side has proved to be; undefined where nobody has to. */
  get provenNodeId(): string | undefined {
    return this.#options.stream.provenNodeId;
  }

  /** Ends the stream: nothing of it is heard any more. Idempotent. */
  close(reason: string): void {
    const state = this.#state;
    if (state.kind === "ended") return;
    this.#state = { kind: "ended" };
    if (state.kind === "served") state.incoming.end();
    else state.timer.cancel();
    this.#options.stream.close();
    this.#options.onEnded(reason);
  }

  #closeLater(reason: string): Timer {
    const { clock, limits } = this.#options.surroundings;
    return clock.after(limits.welcomeMsMax, () => this.close(reason));
  }

  #onFrame(bytes: Uint8Array): void {
    try {
      if (this.#state.kind === "silent") this.#greet(decodeRequest(bytes));
      else if (this.#state.kind === "served") this.#state.incoming.take(decodeRequest(bytes));
    } catch (thrown) {
      this.close(`what the other node says is wrong: ${thrownError(thrown).message}`);
    }
  }

  #greet(frame: RequestFrame): void {
    const greeting = this.#options.greet(frame);
    // Whoever heard of the reset may have ended the stream.
    if (this.#state.kind !== "silent") return;
    this.#state.timer.cancel();
    if ("reason" in greeting) this.#refuse(greeting);
    else this.#serve(greeting);
  }

  #refuse(refusal: Refusal): void {
    this.#state = { kind: "refused", timer: this.#closeLater("the link was refused") };
    const frame = encodeResponse({ refusal: create(LinkRefusalSchema, refusal) });
    this.#options.stream.write(frame);
  }

  #serve({ from, receiver, protocol }: Welcome): void {
    const { stream, surroundings } = this.#options;
    const incoming = new IncomingStream({ ...surroundings, from, stream, receiver });
    this.#state = { kind: "served", incoming };
    const welcome = create(LinkWelcomeSchema, { protocol, received: BigInt(receiver.received) });
    incoming.welcome(welcome);
  }
}
