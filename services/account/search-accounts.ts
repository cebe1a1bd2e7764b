import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { AccountDeps } from "./account-deps.ts";
import { searchPageDefault, searchPageMax } from "./limits.ts";
import { formatPageToken, parsePageToken } from "./page-token.ts";
import type { AccountRow } from "./ports.ts";

/** Which page of which search. */
export interface AccountSearch {
  readonly handlePrefix: string;
  /** 0 means `searchPageDefault`; more than `searchPageMax` means that. */
  readonly pageSize: number;
  /** Empty for the first page. */
  readonly pageToken: string;
}

/** Some of the accounts, by handle; the token is empty after the last page. */
export interface AccountPage {
  readonly accounts: readonly AccountRow[];
  readonly nextPageToken: string;
}

/** Accounts whose handle starts with a prefix. Throws Fault PAGE_TOKEN_INVALID. */
export async function searchAccounts(deps: AccountDeps, search: AccountSearch): Promise<AccountPage> {
  const { handlePrefix } = search;
  const pageSize = Math.min(search.pageSize === 0 ? searchPageDefault : search.pageSize, searchPageMax);
  const rows = await deps.accounts.search(handlePrefix, startOf(deps, search), pageSize + 1);
  const accounts = rows.slice(0, pageSize);
  const last = rows.length > pageSize ? accounts.at(-1) : undefined;
  const nextPageToken =
    last === undefined ? "" : formatPageToken(handlePrefix, last.handle, deps.pageTokenKey);
  return { accounts, nextPageToken };
}

function startOf(deps: AccountDeps, search: AccountSearch): string {
  if (search.pageToken === "") return "";
  const afterHandle = parsePageToken(search.pageToken, search.handlePrefix, deps.pageTokenKey);
  if (afterHandle !== undefined) return afterHandle;
  const message = "the page token was not given out for this search - start again without one";
  throw new Fault(ErrorReason.PAGE_TOKEN_INVALID, message);
}
