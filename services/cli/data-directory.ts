import type { AccountDomain } from "../account/account-domain.ts";
import { pinoLogger } from "../kernel/pino-logger.ts";
import { openAdministration } from "../node/administration.ts";
import { UnusableDatabase } from "../sqlite/failures.ts";
import type { CommandContext } from "./command-context.ts";
import { CommandError } from "./command-error.ts";
import { exitCodes } from "./exit-codes.ts";
import { readNodeConfig } from "./node-config.ts";

/** Does something with the accounts of a data directory, beside a node that may be running on it. */
export async function withAdministration(
  context: CommandContext,
  data: string,
  work: (accounts: AccountDomain) => Promise<void>,
): Promise<void> {
  const { clock, rng } = context;
  const config = readNodeConfig(context, { storeUrl: `sqlite:${data}` }, false).values;
  const logger = pinoLogger({ clock, level: "warn", format: "text" });
  try {
    await using administration = await openAdministration({ config, clock, rng, logger });
    await work(administration.accounts);
  } catch (error) {
    if (error instanceof UnusableDatabase) throw new CommandError(error.message, exitCodes.startFailed);
    throw error;
  }
}
