import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ErrorReasonSchema, StatusCode } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import type { Failure } from "../../../gen/parley/error/v1/failure_pb.ts";
import { ClientFrameSchema, type Open, type ServerFrame } from "../../../gen/parley/session/v1/session_pb.ts";
import {
  AttachRequestSchema,
  AttachResponseSchema,
} from "../../../gen/parley/session/v1/session_service_pb.ts";
import type { Timer } from "../../kernel/clock.ts";
import type { Caller } from "../../rpc/caller.ts";
import { decodeAnswer, encodeGreeting } from "./edge-wire.ts";
import type { SimEndpoint } from "./sim-network.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimStreamEnd } from "./sim-stream.ts";

/** The deadline of a unary call, in milliseconds. */
const callMsMax = 10_000;

/** A call that came to nothing. */
export class EdgeFailure extends Error {
  /** The reason's name; `broken` when no answer came. */
  readonly reason: string;
  /** Whether the same call may be made again. */
  readonly mayRepeat: boolean;
  readonly retryDelayMs: number | undefined;

  constructor(failure: Failure | undefined) {
    const reason = failure === undefined ? "broken" : reasonName(failure);
    super(failure?.message ?? "no answer came");
    this.reason = reason;
    this.mayRepeat = failure === undefined || isTransient(failure);
    this.retryDelayMs = failure?.retryDelay === undefined ? undefined : durationMs(failure.retryDelay);
  }
}

/** A frame that a device says, as one writes it. */
export type SaidFrame = NonNullable<MessageInitShape<typeof ClientFrameSchema>["kind"]>;

/** Who hears what happens on an attached stream. */
export interface AttachListener {
  onFrame(frame: ServerFrame): void;
  /** Once; nothing comes after it. Undefined when the stream broke, or ended after `closed`. */
  onEnd(failure: EdgeFailure | undefined): void;
}

/** An attached stream as its device has it. */
export interface EdgeStream {
  say(frame: SaidFrame): void;
  /** Breaks the connection at this end; the listener hears nothing more. */
  drop(): void;
  pause(): void;
  resume(): void;
}

/** How a simulated device reaches nodes. */
export class EdgeClient {
  readonly #process: SimProcess;
  readonly #endpoint: SimEndpoint;
  readonly #caller: Caller;

  constructor(process: SimProcess, endpoint: SimEndpoint, caller: Caller) {
    this.#process = process;
    this.#endpoint = endpoint;
    this.#caller = caller;
  }

  /** Calls a unary method of the node at an address. Rejects with an EdgeFailure. */
  call<Input extends DescMessage, Output extends DescMessage>(
    address: string,
    method: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
  ): Promise<MessageShape<Output>> {
    return new Promise((resolve, reject) => {
      const stream = this.#dial(address, method.name);
      stream.write(toBinary(method.input, create(method.input, request)));
      const timer: Timer = this.#process.clock.after(callMsMax, () => end(new EdgeFailure(undefined)));
      const end = (failure: EdgeFailure): void => {
        timer.cancel();
        stream.close();
        reject(failure);
      };
      stream.listen({
        onFrame: (frame) => {
          const answer = decodeAnswer(frame);
          if (answer.kind === "failed") return end(new EdgeFailure(answer.failure));
          timer.cancel();
          stream.close();
          return resolve(fromBinary(method.output, answer.bytes));
        },
        onDrain: () => undefined,
        onClosed: () => end(new EdgeFailure(undefined)),
      });
    });
  }

  /** Attaches to the node at an address. */
  attach(address: string, open: Open, listener: AttachListener): EdgeStream {
    const stream = this.#dial(address, "attach");
    const say = (frame: SaidFrame): void => {
      const request = create(AttachRequestSchema, { frame: create(ClientFrameSchema, { kind: frame }) });
      stream.write(toBinary(AttachRequestSchema, request));
    };
    say({ case: "open", value: open });
    stream.listen({
      onFrame: (frame) => {
        const answer = decodeAnswer(frame);
        if (answer.kind === "failed") {
          stream.close();
          return listener.onEnd(new EdgeFailure(answer.failure));
        }
        const response = fromBinary(AttachResponseSchema, answer.bytes);
        if (response.frame !== undefined) listener.onFrame(response.frame);
        return undefined;
      },
      onDrain: () => undefined,
      onClosed: () => listener.onEnd(undefined),
    });
    return {
      say,
      drop: () => stream.close(),
      pause: () => stream.pause(),
      resume: () => stream.resume(),
    };
  }

  #dial(address: string, call: string): SimStreamEnd {
    const stream = this.#endpoint.dial(address);
    stream.write(encodeGreeting({ call, caller: this.#caller }));
    return stream;
  }
}

function reasonName({ reason }: Failure): string {
  return ErrorReasonSchema.value[reason]?.localName ?? `reason ${reason}`;
}

/** What the contract lets a client repeat. */
function isTransient({ code, retryDelay }: Failure): boolean {
  if (code === StatusCode.RESOURCE_EXHAUSTED) return retryDelay !== undefined;
  return code === StatusCode.UNAVAILABLE || code === StatusCode.ABORTED;
}
