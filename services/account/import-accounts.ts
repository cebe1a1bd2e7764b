import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { sleep } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { AccountDeps } from "./account-deps.ts";
import { type CreatedAccount, createAccount, UnusableAccount } from "./create-account.ts";
import { parseImportLine } from "./import-line.ts";
import { importAttemptsMax, importsAtOnceMax } from "./limits.ts";

/** How far an import is. */
export interface ImportProgress {
  readonly created: number;
  /** Lines whose account exists already with the same data. */
  readonly skipped: number;
  readonly failed: number;
}

/** A line that brought no account; numbers count from 1, blank lines included. */
export interface ImportFailure {
  readonly lineNumber: number;
  /** One sentence for people, without secrets. */
  readonly message: string;
}

/** Whom to tell; both are called from the import, in no particular order of lines. */
export interface ImportOptions {
  readonly onProgress?: (progress: ImportProgress) => void;
  readonly onFailure?: (failure: ImportFailure) => void;
  readonly signal?: AbortSignal;
}

interface NumberedLine {
  readonly number: number;
  readonly text: string;
}

/**
 * Creates the accounts that the lines describe, `importsAtOnceMax` at once, and answers how many. Importing the
 * same lines again skips what is there. A line that fails is reported and the rest goes on; lines wait while the
 * node is overloaded or the store away. Rejects with the signal's reason when it aborts, and with bugs.
 */
export async function importAccounts(
  deps: AccountDeps,
  lines: Iterable<string> | AsyncIterable<string>,
  options: ImportOptions = {},
): Promise<ImportProgress> {
  const counts = { created: 0, skipped: 0, failed: 0 };
  const source = numbered(lines);
  const importOne = async (line: NumberedLine): Promise<void> => {
    try {
      const { outcome } = await createPatiently(deps, line.text, options.signal);
      counts[outcome === "created" ? "created" : "skipped"] += 1;
    } catch (error) {
      if (!(error instanceof UnusableAccount) && !(error instanceof Fault)) throw error;
      counts.failed += 1;
      options.onFailure?.({ lineNumber: line.number, message: error.message });
    }
    options.onProgress?.({ ...counts });
  };
  const work = async (): Promise<void> => {
    // The workers share one source, each line goes to one of them.
    for (let next = await source.next(); next.done !== true; next = await source.next()) {
      options.signal?.throwIfAborted();
      await importOne(next.value);
    }
  };
  try {
    await Promise.all(Array.from({ length: importsAtOnceMax }, work));
  } finally {
    await source.return(undefined);
  }
  return counts;
}

async function* numbered(
  lines: Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<NumberedLine, undefined, undefined> {
  let number = 0;
  for await (const text of lines) {
    number += 1;
    if (text.trim() !== "") yield { number, text };
  }
  return undefined;
}

/** Waits and tries again while a retry helps; creating an account twice does no harm. */
async function createPatiently(
  deps: AccountDeps,
  line: string,
  signal: AbortSignal | undefined,
): Promise<CreatedAccount> {
  const account = parseImportLine(line);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await createAccount(deps, account, signal);
    } catch (error) {
      if (!mayRetry(error) || attempt >= importAttemptsMax) throw error;
      await sleep(deps.clock, error.retryDelayMs ?? 0, signal);
      signal?.throwIfAborted();
    }
  }
}

function mayRetry(error: unknown): error is Fault {
  if (!(error instanceof Fault)) return false;
  const { OVERLOADED, STORE_UNAVAILABLE, OUTCOME_UNKNOWN } = ErrorReason;
  return (
    error.reason === OVERLOADED || error.reason === STORE_UNAVAILABLE || error.reason === OUTCOME_UNKNOWN
  );
}
