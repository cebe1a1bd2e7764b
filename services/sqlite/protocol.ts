import type { StoreOutcomeUnknown, StoreRefusal, UnusableReason } from "./failures.ts";
import type { DatabaseLimits } from "./limits.ts";
import type { Migration } from "./procedures.ts";

/** How much of the file is checked when it is opened. */
export type IntegrityCheck = "none" | "quick" | "full";

/** What a worker is started with. */
export interface WorkerSettings {
  readonly path: string;
  readonly proceduresUrl: string;
  readonly migrations: readonly Migration[];
  readonly applicationId: number;
  readonly integrityCheck: IntegrityCheck;
  readonly busyTimeoutMs: number;
  readonly limits: DatabaseLimits;
}

/** `pragmas` is answered by the worker itself; the others name a procedure. */
export type RequestKind = "read" | "write" | "pragmas";

/** One request on its way to the worker. */
export interface Request {
  readonly id: number;
  readonly kind: RequestKind;
  readonly name: string;
  readonly argument: unknown;
}

/** A failure in a form that survives structured clone; `revive` in `pending-requests.ts` undoes it. */
export type FailureRecord =
  | ({ readonly outcome: "refused"; readonly message: string } & Pick<
      StoreRefusal,
      "kind" | "resultCode" | "constraint"
    >)
  | ({ readonly outcome: "unknown"; readonly message: string } & Pick<StoreOutcomeUnknown, "resultCode">);

/** The answer to one request. */
export type Answer =
  | { readonly id: number; readonly outcome: "done"; readonly value: unknown }
  | ({ readonly id: number } & FailureRecord);

export type ToWorker =
  | { readonly type: "requests"; readonly requests: readonly Request[] }
  /** Answer what was sent before, checkpoint, close the file and end. */
  | { readonly type: "close" };

export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "unusable"; readonly reason: UnusableReason; readonly message: string }
  /** `committed` is the number of writes when these are the answers of one transaction, else 0. */
  | { readonly type: "answers"; readonly answers: readonly Answer[]; readonly committed: number }
  /** The write-ahead log was too large. `emptied` is false when a reader did not end in time. */
  | { readonly type: "log"; readonly emptied: boolean }
  | { readonly type: "closed" };
