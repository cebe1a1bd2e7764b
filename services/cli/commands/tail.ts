import { toJson } from "@bufbuild/protobuf";
import { EntrySchema } from "../../../gen/parley/message/v1/entry_pb.ts";
import { accountNames } from "../account-names.ts";
import { isGoawayException } from "../attached-stream.ts";
import { type CommandContext, connect, type PersonOptions } from "../command-context.ts";
import { credentialsPath, openCredentials } from "../credentials.ts";
import { entryText } from "../entry-text.ts";
import { openHeldPositions } from "../held-positions.ts";
import { tail } from "../tail.ts";

export interface TailCommandOptions extends PersonOptions {
  readonly quiet?: boolean;
}

/** `parley tail`: prints every entry of all conversations once, across reconnects and restarts of the command. */
export async function tailCommand(context: CommandContext, options: TailCommandOptions): Promise<void> {
  context.passOver(isGoawayException);
  const connection = await connect(context, options);
  const credentials = openCredentials(credentialsPath(context.environment));
  const nameOf = accountNames(connection.transport);
  await tail({
    connection,
    held: await openHeldPositions(credentials.positionsPath(connection.profile)),
    clock: context.clock,
    rng: context.rng,
    signal: context.signal,
    onEntry: async (entry) => {
      context.print(
        options.json ? JSON.stringify(toJson(EntrySchema, entry)) : await entryText(entry, nameOf),
      );
    },
    onNotice: (text) => {
      if (options.quiet !== true) context.notice(text);
    },
  });
}
