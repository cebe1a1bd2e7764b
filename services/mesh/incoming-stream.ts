import { create } from "@bufbuild/protobuf";
import {
  type LinkWelcome,
  type NodeCall,
  type NodeCallResult,
  NodeCallResultSchema,
} from "../../gen/parley/mesh/v1/link_pb.ts";
import type { Timer } from "../kernel/clock.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { AnswerQueue } from "./answer-queue.ts";
import { decodeItem } from "./link-codec.ts";
import { encodeResponse, type RequestFrame } from "./link-frames.ts";
import type { LinkReceiver } from "./link-receiver.ts";
import type { LinkSurroundings } from "./link-surroundings.ts";
import type { LinkItem, LinkListener } from "./links.ts";
import type { FrameStream } from "./transport.ts";

/** Characters of a sentence that goes to another node. */
const messageCharactersMax = 512;

/** Failing calls of one stream are logged at most this often, in milliseconds. */
const warnPauseMs = 10_000;

/** What a stream of another node is served with. */
export interface IncomingStreamOptions
  extends Pick<LinkSurroundings, "clock" | "limits" | "logger" | "ownLag"> {
  /** The node that opened it. */
  readonly from: string;
  readonly stream: FrameStream;
  readonly receiver: LinkReceiver;
  readonly listener: Pick<LinkListener, "onItem" | "onCall">;
}

type Outcome = NodeCallResult["outcome"];

/** The receiving end of one stream, from its welcome on: processes items in order, answers calls and pings. */
export class IncomingStream {
  readonly #options: IncomingStreamOptions;
  readonly #answers = new AnswerQueue();
  /** Calls that handlers work on. */
  #answering = 0;
  #acked: number;
  #pong = 0;
  #isFull = false;
  #turn: Timer | undefined;
  #ended = false;
  #warnAgainMs = Number.NEGATIVE_INFINITY;

  constructor(options: IncomingStreamOptions) {
    this.#options = options;
    this.#acked = options.receiver.received;
  }

  /** Says the first word. */
  welcome(welcome: LinkWelcome): void {
    this.#isFull = !this.#options.stream.write(encodeResponse({ welcome }));
  }

  /** Takes a frame. Throws when it breaks the rules. */
  take({ hello, firstItemSeq, items, hints, calls, ping }: RequestFrame): void {
    if (hello !== undefined) throw new Error("a second hello came");
    if (items.length > 0 && firstItemSeq === 0) throw new Error("items came without their number");
    items.forEach((item, index) => this.#takeItem(firstItemSeq + index, item));
    for (const hint of hints) this.#deliver(hint);
    for (const call of calls) this.#takeCall(call);
    if (ping > 0) this.#pong = ping;
    this.#wake();
  }

  /** The connection has room again. */
  drained(): void {
    this.#isFull = false;
    this.#wake();
  }

  /** The stream is over, or another one took its place: nothing is heard or said on it any more. */
  end(): void {
    this.#ended = true;
    this.#turn?.cancel();
  }

  #takeItem(seq: number, item: Uint8Array): void {
    const { receiver } = this.#options;
    // Whoever heard the item before this one may have ended the stream.
    if (this.#ended) return;
    switch (receiver.take(seq)) {
      case "process":
        this.#deliver(item);
        return;
      case "drop":
        return;
      case "gap":
        throw new Error(`item ${seq} came after item ${receiver.received}`);
    }
  }

  #deliver(bytes: Uint8Array): void {
    const item = decodeItem(bytes);
    // What a newer node says and this one does not know is passed over.
    if (item !== undefined && !this.#ended) this.#tell(item);
  }

  #tell(item: LinkItem): void {
    const { listener, from, logger } = this.#options;
    try {
      listener.onItem(from, item);
    } catch (thrown) {
      logger.error("an item of another node could not be processed", {
        nodeId: from,
        kind: item.kind,
        error: thrownError(thrown),
      });
    }
  }

  #takeCall(call: NodeCall): void {
    const { clock, limits, ownLag } = this.#options;
    const { callsAnsweringMax } = limits;
    const waiting = this.#answering + this.#answers.size;
    if (waiting >= 2 * callsAnsweringMax) throw new Error(`${waiting} calls, and no answer is taken`);
    // What is read after a stop may have come at its beginning: nobody may be waiting any more.
    const lagMs = ownLag.lagMs();
    const ageMs = lagMs > limits.ownLagMsMax ? lagMs : 0;
    if (waiting >= callsAnsweringMax) {
      this.#answer(call.id, failure(`too many calls: ${callsAnsweringMax} are being answered`));
    } else if (call.timeoutMs <= ageMs) {
      this.#answer(
        call.id,
        failure(`this node stood still for ${Math.round(ageMs)} ms: the call came too late`),
      );
    } else {
      void this.#serve(call, clock.monotonicMs() + call.timeoutMs - ageMs);
    }
  }

  async #serve({ id, name, body }: NodeCall, expireMs: number): Promise<void> {
    const { listener, from, limits } = this.#options;
    this.#answering += 1;
    try {
      const answer = await listener.onCall(from, { name, body, expireMs });
      if (answer.length > limits.bodyBytesMax) throw new Error(`the answer has ${answer.length} bytes`);
      this.#answer(id, { case: "body", value: answer });
    } catch (thrown) {
      const error = thrownError(thrown);
      this.#warn(name, error);
      this.#answer(id, failure(error.message));
    } finally {
      this.#answering -= 1;
    }
  }

  #warn(call: string, error: Error): void {
    const { clock, logger, from } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs < this.#warnAgainMs) return;
    this.#warnAgainMs = nowMs + warnPauseMs;
    logger.warn("a call of another node failed", { nodeId: from, call, error });
  }

  #answer(id: bigint, outcome: Outcome): void {
    this.#answers.push(create(NodeCallResultSchema, { id, outcome }));
    this.#wake();
  }

  /** What is said in one turn travels together: acknowledgements, answers and a pong. */
  #wake(): void {
    if (this.#ended) return;
    this.#turn ??= this.#options.clock.nextTurn(() => this.#flush());
  }

  #flush(): void {
    this.#turn = undefined;
    const { stream, receiver, limits } = this.#options;
    while (!this.#ended && !this.#isFull) {
      const { received } = receiver;
      const ack = received > this.#acked ? received : 0;
      const pong = this.#pong;
      if (ack === 0 && pong === 0 && this.#answers.size === 0) return;
      const results = this.#answers.take(limits.frameItemsMax, limits.frameBytesMax);
      this.#acked = received;
      this.#pong = 0;
      this.#isFull = !stream.write(encodeResponse({ ack, results, pong }));
    }
  }
}

function failure(message: string): Outcome {
  return { case: "failed", value: message.slice(0, messageCharactersMax) };
}
