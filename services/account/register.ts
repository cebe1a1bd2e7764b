import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { encodeId } from "../kernel/id-text.ts";
import type { AccountDeps } from "./account-deps.ts";
import { handleTaken } from "./account-faults.ts";
import type { AccountRow } from "./ports.ts";

/** A new account, as the contract's RegisterRequest has it. */
export interface Registration {
  /** A UUID; letters of either case are the same. */
  readonly requestId: string;
  readonly handle: string;
  /** Empty means the handle. */
  readonly displayName: string;
  readonly password: string;
}

/**
 * Creates an account, or answers the one that the same request created before. Throws Fault HANDLE_TAKEN,
 * REQUEST_ID_CONFLICT, REGISTRATION_CLOSED or OVERLOADED, and what the store throws.
 */
export function register(
  deps: AccountDeps,
  request: Registration,
  signal?: AbortSignal,
): Promise<AccountRow> {
  return deps.metrics.register(registerOnce(deps, request, signal));
}

async function registerOnce(
  deps: AccountDeps,
  request: Registration,
  signal: AbortSignal | undefined,
): Promise<AccountRow> {
  const requestId = request.requestId.toLowerCase();
  const earlier = await earlierAccount(deps, requestId, request.handle);
  if (earlier !== undefined) return earlier;
  if (!deps.registrationOpen) throw registrationClosed();
  // Looked up before hashing, so that a taken handle costs nothing; the insert decides.
  if ((await deps.accounts.readByHandle(request.handle)) !== undefined) throw handleTaken(request.handle);
  const passwordHash = await deps.hasher.hash(request.password, signal);
  const row = await newAccountRow(deps, { ...request, requestId, passwordHash });
  if ((await deps.accounts.insert(row)) === "inserted") {
    deps.logger.info("an account was registered", { account_id: row.accountId });
    return row;
  }
  const winner = await earlierAccount(deps, requestId, request.handle);
  if (winner === undefined) throw handleTaken(request.handle);
  return winner;
}

/** Makes the row of a new account; it is not stored yet. */
export async function newAccountRow(
  deps: AccountDeps,
  fields: Pick<AccountRow, "requestId" | "handle" | "displayName" | "passwordHash">,
): Promise<AccountRow> {
  return {
    accountId: encodeId(await deps.ids.next()),
    handle: fields.handle,
    displayName: fields.displayName === "" ? fields.handle : fields.displayName,
    passwordHash: fields.passwordHash,
    version: 1n,
    createTimeMs: deps.clock.wallMs(),
    requestId: fields.requestId,
  };
}

/** The account that this request made. Only the handle can be compared: all else may have changed since. */
async function earlierAccount(
  deps: AccountDeps,
  requestId: string,
  handle: string,
): Promise<AccountRow | undefined> {
  const row = await deps.accounts.readByRequestId(requestId);
  if (row === undefined || row.handle === handle) return row;
  throw new Fault(ErrorReason.REQUEST_ID_CONFLICT, "this request_id registered another handle", {
    metadata: { request_id: requestId },
  });
}

function registrationClosed(): Fault {
  return new Fault(
    ErrorReason.REGISTRATION_CLOSED,
    "this server does not let people register themselves - ask who runs it",
  );
}
