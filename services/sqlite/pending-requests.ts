import { estimateBytes } from "./argument-size.ts";
import { StoreOutcomeUnknown, StoreRefusal } from "./failures.ts";
import type { DatabaseLimits } from "./limits.ts";
import type { Answer, FailureRecord, Request } from "./protocol.ts";

interface Pending {
  readonly request: Request;
  readonly bytes: number;
  readonly reject: (failure: Error) => void;
  sent: boolean;
  /**
   * A method, because methods may take a narrower parameter: the caller of `add` names the type of the
   * answer, and nothing can check it here, since types end at the thread.
   */
  resolve(value: unknown): void;
}

/** The requests that wait for an answer, within the limits of count and bytes. */
export class PendingRequests {
  readonly #limits: DatabaseLimits;
  readonly #pending = new Map<number, Pending>();
  #unsent: Pending[] = [];
  #bytes = 0;
  #lastId = 0;

  constructor(limits: DatabaseLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Queues a request; its promise rejects at once, as `overloaded`, when the queue is full. */
  add<Result>(request: Omit<Request, "id">): Promise<Result> {
    const bytes = estimateBytes(request.argument);
    const { queuedRequestsMax, queuedBytesMax } = this.#limits;
    if (this.#pending.size >= queuedRequestsMax || this.#bytes + bytes > queuedBytesMax) {
      const message =
        `${this.#pending.size} requests with ${this.#bytes} bytes wait for the database; ` +
        `at most ${queuedRequestsMax} and ${queuedBytesMax} may`;
      return Promise.reject(new StoreRefusal(message, { kind: "overloaded" }));
    }
    this.#lastId += 1;
    const numbered: Request = { id: this.#lastId, ...request };
    return new Promise<Result>((resolve, reject) => {
      const pending: Pending = { request: numbered, bytes, resolve, reject, sent: false };
      this.#pending.set(numbered.id, pending);
      this.#unsent.push(pending);
      this.#bytes += bytes;
    });
  }

  /** Hands out what was added since the last call, in order, as now held by the worker. */
  takeUnsent(): readonly Request[] {
    const taken = this.#unsent;
    this.#unsent = [];
    for (const pending of taken) pending.sent = true;
    return taken.map((pending) => pending.request);
  }

  /** Settles one request. An answer to a request that was given up before is ignored. */
  settle(answer: Answer): void {
    const pending = this.#remove(answer.id);
    if (answer.outcome === "done") pending?.resolve(answer.value);
    else pending?.reject(revive(answer));
  }

  /** The worker is gone: a write that it held is unknown; a read, or what it never got, is refused. */
  failAll(why: string): void {
    this.#unsent = [];
    for (const [id, { request, sent, reject }] of this.#pending) {
      this.#remove(id);
      const unknown = sent && request.kind === "write";
      reject(unknown ? new StoreOutcomeUnknown(why) : new StoreRefusal(why, { kind: "unavailable" }));
    }
  }

  #remove(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.#bytes -= pending.bytes;
    return pending;
  }
}

/** The error that a failure from the worker stands for. */
export function revive(failure: FailureRecord): StoreRefusal | StoreOutcomeUnknown {
  return failure.outcome === "unknown"
    ? new StoreOutcomeUnknown(failure.message, failure.resultCode)
    : new StoreRefusal(failure.message, failure);
}
