import type { AccountDeps } from "./account-deps.ts";
import { passwordHashProblem } from "./password-hash.ts";
import type { AccountRow } from "./ports.ts";
import { newAccountRow } from "./register.ts";

/** An account to be made by whoever runs the node. One of `password` and `passwordHash` is set. */
export interface NewAccount {
  readonly handle: string;
  /** The handle when unset or empty. */
  readonly displayName?: string;
  readonly password?: string;
  /** A PHC string of Argon2id. */
  readonly passwordHash?: string;
}

/** What became of it. `exists`: there was an account with this handle and the same data. */
export interface CreatedAccount {
  readonly outcome: "created" | "exists";
  readonly account: AccountRow;
}

/** The new account cannot be made, ever, as it is given. The message says why, without secrets. */
export class UnusableAccount extends Error {
  override readonly name = "UnusableAccount";
}

/**
 * Creates an account without asking whether registration is open. Repeatable: the same data again finds the
 * account. Throws UnusableAccount when the data breaks a rule or the handle belongs to other data; Fault
 * OVERLOADED, and what the store throws.
 */
export async function createAccount(
  deps: AccountDeps,
  account: NewAccount,
  signal?: AbortSignal,
): Promise<CreatedAccount> {
  const problem = newAccountProblem(account);
  if (problem !== undefined) throw new UnusableAccount(problem);
  const { handle, displayName = "", password = "" } = account;
  const earlier = await deps.accounts.readByHandle(handle);
  if (earlier !== undefined) return sameAccount(deps, earlier, account, signal);
  const passwordHash = account.passwordHash ?? (await deps.hasher.hash(password, signal));
  const row = await newAccountRow(deps, { requestId: deps.rng.uuid(), handle, displayName, passwordHash });
  if ((await deps.accounts.insert(row)) === "inserted") return { outcome: "created", account: row };
  const winner = await deps.accounts.readByHandle(handle);
  if (winner === undefined)
    throw new UnusableAccount(`The handle ${handle} was taken and freed at this moment.`);
  return sameAccount(deps, winner, account, signal);
}

/**
 * Why this cannot be an account, or undefined when it can. The contract's rules for RegisterRequest, for callers
 * that do not come through an RPC; a test holds the two together.
 */
export function newAccountProblem(account: NewAccount): string | undefined {
  const { handle, displayName = "", password, passwordHash } = account;
  if (!/^[a-z0-9][a-z0-9._-]{1,31}$/.test(handle)) {
    return "The handle must have 2 to 32 of a-z, 0-9, dot, dash and underscore, and begin with a letter or digit.";
  }
  if (characters(displayName) > 64) return "The display name must have at most 64 characters.";
  if ((password === undefined) === (passwordHash === undefined)) {
    return "Exactly one of password and password hash is needed.";
  }
  if (passwordHash !== undefined) {
    const problem = passwordHashProblem(passwordHash);
    return problem === undefined ? undefined : `The password hash cannot be used: ${problem}.`;
  }
  return passwordProblem(password ?? "");
}

function passwordProblem(password: string): string | undefined {
  const count = characters(password);
  if (count < 8 || count > 128) return "The password must have 8 to 128 characters.";
  return Buffer.byteLength(password) > 512 ? "The password must have at most 512 bytes of UTF-8." : undefined;
}

/** Counts code points, as the contract's rules do. */
function characters(text: string): number {
  return Array.from(text).length;
}

async function sameAccount(
  deps: AccountDeps,
  row: AccountRow,
  account: NewAccount,
  signal: AbortSignal | undefined,
): Promise<CreatedAccount> {
  const displayName = account.displayName || account.handle;
  const same =
    row.displayName === displayName &&
    (account.passwordHash !== undefined
      ? row.passwordHash === account.passwordHash
      : await deps.hasher.verify(row.passwordHash, account.password ?? "", signal));
  if (same) return { outcome: "exists", account: row };
  throw new UnusableAccount(`The handle ${account.handle} belongs to an account with other data.`);
}
