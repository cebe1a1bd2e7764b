import { isGoawayException } from "../attached-stream.ts";
import type { CommandContext } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { runDemo } from "../demo/demo.ts";
import { startDemoNodes } from "../demo/demo-nodes.ts";
import { jsonReporter, textReporter } from "../demo/demo-reporter.ts";
import { exitCodes } from "../exit-codes.ts";

const messagesMin = 20;
const messagesMax = 5_000;

/** What `parley demo` is given. */
export interface DemoCommandOptions {
  readonly messages: string;
  readonly keep?: boolean;
  readonly json?: boolean;
}

/** `parley demo`: its exit code is the verdict of the checkers. */
export async function demo(context: CommandContext, options: DemoCommandOptions): Promise<void> {
  const messages = parseMessages(options.messages);
  context.passOver(isGoawayException);
  try {
    await play(context, options, messages);
  } catch (error) {
    if (!context.signal.aborted) throw error;
    throw new CommandError("interrupted before there was a verdict");
  }
}

async function play(context: CommandContext, options: DemoCommandOptions, messages: number): Promise<void> {
  const { clock, rng, signal, environment } = context;
  const startedMs = clock.monotonicMs();
  const reporter = options.json === true ? jsonReporter(context) : textReporter(context);
  const keep = options.keep === true;
  await using stage = await startDemoNodes({ clock, environment, signal, keep });
  reporter.ready(stage.nodes, clock.monotonicMs() - startedMs);
  const isWell = await runDemo({ clock, rng, signal, nodes: stage.nodes, messages, reporter });
  if (keep) context.notice(`the nodes' data is in ${stage.directory}`);
  if (isWell) return;
  for (const line of stage.logs) context.notice(line);
  throw new CommandError("the demo failed, see above; the lines before this one are the nodes' logs");
}

function parseMessages(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= messagesMin && count <= messagesMax) return count;
  throw new CommandError(
    `--messages must be ${messagesMin} to ${messagesMax}, it is ${text}`,
    exitCodes.usage,
  );
}
