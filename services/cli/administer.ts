import type { AccountDomain } from "../account/account-domain.ts";
import { pinoLogger } from "../kernel/pino-logger.ts";
import { openAdministration } from "../node/administration.ts";
import type { NodeConfig } from "../node/config.ts";
import { isUnusableStore } from "../node/open-backends.ts";
import type { CommandContext } from "./command-context.ts";
import { CommandError } from "./command-error.ts";
import { exitCodes } from "./exit-codes.ts";

/** Does something with the accounts of the store that a configuration names, beside nodes that may be running on it. */
export async function administer(
  context: CommandContext,
  config: NodeConfig,
  work: (accounts: AccountDomain) => Promise<void>,
): Promise<void> {
  const { clock, rng } = context;
  const logger = pinoLogger({ clock, level: "warn", format: "text" });
  try {
    await using administration = await openAdministration({ config, clock, rng, logger });
    await work(administration.accounts);
  } catch (error) {
    if (isUnusableStore(error)) throw new CommandError(error.message, exitCodes.startFailed);
    throw error;
  }
}
