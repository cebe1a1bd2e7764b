import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createAccount } from "../../account/create-account.ts";
import { importAccounts } from "../../account/import-accounts.ts";
import { administer } from "../administer.ts";
import type { CommandContext } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { type StoreOptions, storeConfig } from "../store-options.ts";
import { readPassword } from "./login.ts";

export interface UserOptions extends StoreOptions {
  readonly name?: string;
  readonly json?: boolean;
}

/** How often a long import says how far it is, in accounts. */
const progressEvery = 1000;

/** `parley user add HANDLE` */
export async function addUser(context: CommandContext, handle: string, options: UserOptions): Promise<void> {
  const password = await readPassword(context);
  await administer(context, storeConfig(context, options), async ({ deps }) => {
    const made = await createAccount(deps, { handle, password, displayName: options.name ?? "" });
    const { accountId } = made.account;
    if (options.json) context.print(JSON.stringify({ handle, accountId, outcome: made.outcome }));
    else
      context.print(
        `${handle} ${made.outcome === "created" ? "was made" : "was there already"}: account ${accountId}`,
      );
  });
}

/** `parley user import FILE` */
export async function importUsers(
  context: CommandContext,
  file: string,
  options: UserOptions,
): Promise<void> {
  await administer(context, storeConfig(context, options), async ({ deps }) => {
    const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
    const counts = await importAccounts(deps, lines, {
      signal: context.signal,
      onProgress: ({ created, skipped, failed }) => {
        const done = created + skipped + failed;
        if (done % progressEvery === 0) context.notice(`${done} lines done`);
      },
      onFailure: ({ lineNumber, message }) => context.notice(`${file}:${lineNumber}: ${message}`),
    });
    const { created, skipped, failed } = counts;
    if (options.json) context.print(JSON.stringify(counts));
    else context.print(`${created} accounts made, ${skipped} were there already, ${failed} lines failed`);
    if (failed > 0)
      throw new CommandError(
        `${failed} lines of ${file} brought no account; mend them and import the file again`,
      );
  });
}

/** `parley keys rotate` */
export async function rotateKeys(context: CommandContext, options: UserOptions): Promise<void> {
  await administer(context, storeConfig(context, options), async (accounts) => {
    const keyId = await accounts.rotateSigningKey();
    if (options.json) context.print(JSON.stringify({ keyId }));
    else
      context.print(
        `key ${keyId} signs from now on; running nodes take it up within 30 s, the one before stays valid`,
      );
  });
}
