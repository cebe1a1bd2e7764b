import { create } from "@bufbuild/protobuf";
import { type NodeCall, type NodeCallResult, NodeCallSchema } from "../../gen/parley/mesh/v1/link_pb.ts";
import type { Clock, Timer } from "../kernel/clock.ts";
import type { CallOutcome, OutgoingCall } from "./links.ts";

/** Bounds of the calls of one link. */
export interface CallLimits {
  readonly bodyBytesMax: number;
  readonly callsPendingMax: number;
  readonly callBytesWaitingMax: number;
}

interface PendingCall {
  readonly resolve: (outcome: CallOutcome) => void;
  readonly timer: Timer;
}

/** The calls of one link that were not answered yet. Each ends once: by its answer, its time, or the end of the stream. */
export class CallTable {
  readonly #clock: Clock;
  readonly #limits: CallLimits;
  readonly #pending = new Map<bigint, PendingCall>();
  /** Those that were not sent yet, in order. */
  readonly #unsent = new Map<bigint, NodeCall>();
  #unsentBytes = 0;
  #lastId = 0n;

  constructor(clock: Clock, limits: CallLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get hasUnsent(): boolean {
    return this.#unsent.size > 0;
  }

  /** Takes a call that is to be sent. Fails at once when it is too large, or when there are too many. */
  open({ name, body, timeoutMs }: OutgoingCall): Promise<CallOutcome> {
    const refusal = this.#refusalOf(body);
    if (refusal !== undefined) return Promise.resolve({ kind: "failed", message: refusal });
    this.#lastId += 1n;
    const id = this.#lastId;
    // What the other side may spend: a fraction of a millisecond is rounded in favour of an answer.
    const wireTimeoutMs = Math.min(Math.max(1, Math.ceil(timeoutMs)), 2 ** 32 - 1);
    this.#unsent.set(id, create(NodeCallSchema, { id, name, body, timeoutMs: wireTimeoutMs }));
    this.#unsentBytes += body.length;
    return new Promise((resolve) => {
      const late: CallOutcome = { kind: "lost", message: `not answered within ${timeoutMs} ms` };
      const timer = this.#clock.after(timeoutMs, () => this.#end(id, late));
      this.#pending.set(id, { resolve, timer });
    });
  }

  /** Takes out at most `callsMax` calls that are to be sent, of at most `bytesMax` bytes; one at least. */
  takeUnsent(callsMax: number, bytesMax: number): NodeCall[] {
    const calls: NodeCall[] = [];
    let bytes = 0;
    for (const [id, call] of this.#unsent) {
      bytes += call.body.length;
      if (calls.length >= callsMax || (calls.length > 0 && bytes > bytesMax)) break;
      calls.push(call);
      this.#withdraw(id);
    }
    return calls;
  }

  /** An answer came; one that nobody waits for any more is dropped. */
  answer({ id, outcome }: NodeCallResult): void {
    if (outcome.case === "body") this.#end(id, { kind: "answered", body: outcome.value });
    else
      this.#end(id, {
        kind: "failed",
        message: outcome.value ?? "answered with an outcome of a newer version",
      });
  }

  /** The stream has ended: nobody knows what became of what was under way. */
  lose(message: string): void {
    for (const id of this.#pending.keys()) this.#end(id, { kind: "lost", message });
  }

  #refusalOf(body: Uint8Array): string | undefined {
    const { bodyBytesMax, callsPendingMax, callBytesWaitingMax } = this.#limits;
    if (body.length > bodyBytesMax)
      return `the call has ${body.length} bytes, at most ${bodyBytesMax} are sent`;
    if (this.#pending.size >= callsPendingMax)
      return `too many calls: ${callsPendingMax} wait for their answers`;
    if (this.#unsentBytes + body.length > callBytesWaitingMax)
      return `too many calls: ${callBytesWaitingMax} bytes wait to be sent`;
    return undefined;
  }

  #end(id: bigint, outcome: CallOutcome): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.#withdraw(id);
    pending.timer.cancel();
    pending.resolve(outcome);
  }

  #withdraw(id: bigint): void {
    this.#unsentBytes -= this.#unsent.get(id)?.body.length ?? 0;
    this.#unsent.delete(id);
  }
}
