import { assertPasswordCost } from "../../account/password-hash.ts";
import { describeConfig } from "../../kernel/config-doc.ts";
import type { FlagValue } from "../../kernel/config-parse.ts";
import { nodeConfigTable, passwordCost } from "../../node/config.ts";
import type { CommandContext } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { readNodeConfig } from "../node-config.ts";
import { runNode } from "../run-node.ts";

/** `parley serve` */
export async function runServe(context: CommandContext, options: Record<string, FlagValue>): Promise<void> {
  const { json, ...flags } = options;
  const parsed = readNodeConfig(context, flags, false);
  const config = parsed.values;
  try {
    assertPasswordCost(passwordCost(config), true);
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error), exitCodes.usage);
  }
  await runNode(context, {
    config,
    onReady: (ready) => {
      if (json === true) return context.print(JSON.stringify({ event: "ready", ...ready }));
      context.print(`Parley ${ready.version} is ready after ${(ready.startMs / 1000).toFixed(1)} s.`);
      context.print(`  clients  ${[ready.public, ready.tls].filter((url) => url !== null).join("  ")}`);
      context.print(`  admin    ${ready.admin}  /metrics /healthz /readyz`);
      context.print(`  store    ${config["store.url"]}`);
      for (const { key, value, source } of describeConfig(nodeConfigTable, parsed)) {
        if (source !== "default" && source !== "unset") context.print(`  ${key} = ${value}  (${source})`);
      }
      return undefined;
    },
  });
}
