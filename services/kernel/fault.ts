import type { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";

/** What a fault tells beside its reason. */
export interface FaultDetails {
  /** Values the reason documents (field names, limits); strings only, never contents or secrets. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How long a client should wait before it tries again; unset when a retry does not help. */
  readonly retryDelayMs?: number;
  readonly cause?: unknown;
}

/**
 * An expected failure that reaches the client: one reason of the contract, a sentence for people,
 * and the values that the reason documents. Anything else that is thrown is a bug and leaves as BUG.
 */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly reason: ErrorReason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryDelayMs: number | undefined;

  constructor(reason: ErrorReason, message: string, details: FaultDetails = {}) {
    super(message, { cause: details.cause });
    this.reason = reason;
    this.metadata = details.metadata ?? {};
    this.retryDelayMs = details.retryDelayMs;
  }
}
