import { assertPasswordCost } from "../../account/password-hash.ts";
import { describeConfig } from "../../kernel/config-doc.ts";
import type { FlagValue } from "../../kernel/config-parse.ts";
import { nodeConfigTable, passwordCost } from "../../node/config.ts";
import type { CommandContext } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { readNodeConfig } from "../node-config.ts";
import { runNode } from "../run-node.ts";
import { startLines } from "../start-lines.ts";

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
      const settings = describeConfig(nodeConfigTable, parsed);
      if (json === true) return context.print(JSON.stringify({ event: "ready", ...ready, settings }));
      for (const line of startLines(ready, settings)) context.print(line);
      return undefined;
    },
  });
}
