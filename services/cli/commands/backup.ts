import { Fault } from "../../kernel/fault.ts";
import { pinoLogger } from "../../kernel/pino-logger.ts";
import { storeTarget } from "../../node/backend-urls.ts";
import type { NodeConfig } from "../../node/config.ts";
import type { MaintenanceOptions } from "../../node/maintenance/maintenance.ts";
import { raiseEpoch } from "../../node/maintenance/raise-epoch.ts";
import { type RestoreReport, restoreStore } from "../../node/maintenance/restore-store.ts";
import { NodesRunning } from "../../node/maintenance/stopped-nodes.ts";
import { isUnusableStore } from "../../node/open-backends.ts";
import { backUpSqliteStore } from "../../store/sqlite/backup.ts";
import type { CommandContext } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { type StoreOptions, storeConfig } from "../store-options.ts";

export interface BackUpCommandOptions extends StoreOptions {
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `parley backup FILE` */
export async function backUp(
  context: CommandContext,
  file: string,
  options: BackUpCommandOptions,
): Promise<void> {
  const directory = embeddedDirectory(storeConfig(context, options), "backup", "mongodump");
  const startMs = context.clock.monotonicMs();
  const written = await explained(() =>
    backUpSqliteStore({
      directory,
      file,
      force: options.force === true,
      signal: context.signal,
      onProgress: (done) => {
        if (context.terminal) context.notice(`${Math.floor(done * 100)} % copied`);
      },
    }),
  );
  const seconds = (context.clock.monotonicMs() - startMs) / 1_000;
  const { entries, conversations, bytes, version } = written;
  if (options.json) {
    const numbers = {
      bytes,
      seconds,
      entries: Number(entries),
      conversations: Number(conversations),
      version,
    };
    context.print(JSON.stringify({ file, ...numbers }));
    return;
  }
  context.print(
    `${file}: ${entries} entries of ${conversations} conversations, ${mebibytes(bytes)}, in ${seconds.toFixed(1)} s; checked`,
  );
}

export interface RestoreCommandOptions extends StoreOptions {
  readonly discard?: boolean;
  readonly json?: boolean;
}

/** `parley restore FILE` */
export async function restore(
  context: CommandContext,
  file: string,
  options: RestoreCommandOptions,
): Promise<void> {
  const config = storeConfig(context, options);
  const directory = embeddedDirectory(config, "restore", "mongorestore");
  const report = await explained(() =>
    restoreStore({
      ...maintenance(context, config),
      file,
      directory,
      discard: options.discard === true,
    }),
  );
  if (options.json) context.print(JSON.stringify(jsonOf(report)));
  else for (const line of linesOf(report, directory)) context.print(line);
}

/** `parley store raise-epoch` */
export async function raiseStoreEpoch(
  context: CommandContext,
  options: StoreOptions & { readonly json?: boolean },
): Promise<void> {
  const config = storeConfig(context, options);
  const { before, epoch } = await explained(() => raiseEpoch(maintenance(context, config)));
  if (options.json) context.print(JSON.stringify({ before: `${before}`, epoch: `${epoch}` }));
  else context.print(`the store is in epoch ${epoch} (it was ${before}); start the nodes`);
}

/** Throws a CommandError for a store that has tools of its own. */
function embeddedDirectory(config: NodeConfig, command: string, tool: string): string {
  const target = storeTarget(config);
  if (target.kind === "sqlite") return target.directory;
  throw new CommandError(
    `\`parley ${command}\` is for embedded stores, and store.url is MongoDB: use ${tool}, as docs/backup.md says`,
    exitCodes.usage,
  );
}

/** What work on a stopped store is given. */
export function maintenance(context: CommandContext, config: NodeConfig): MaintenanceOptions {
  const { clock, rng, signal } = context;
  return {
    config,
    clock,
    rng,
    signal,
    logger: pinoLogger({ clock, level: "warn", format: "text" }),
    notice: (line) => context.notice(line),
  };
}

/** Turns what an operator has to mend into a CommandError. */
export async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isUnusableStore(error)) throw new CommandError(error.message, exitCodes.startFailed);
    if (error instanceof Fault && error.cause instanceof Error) {
      throw new CommandError(`${error.message} (${error.cause.message})`, exitCodes.unavailable);
    }
    if (error instanceof NodesRunning) throw new CommandError(error.message);
    if (error instanceof Error && "syscall" in error) throw new CommandError(error.message);
    throw error;
  }
}

function jsonOf({ contents, epoch, keptIn, undone }: RestoreReport) {
  return {
    entries: Number(contents.entries),
    conversations: Number(contents.conversations),
    epoch: `${epoch}`,
    keptIn: keptIn ?? null,
    undone:
      undone === undefined
        ? null
        : { entries: Number(undone.entriesAhead), conversations: Number(undone.conversationsAhead) },
  };
}

function linesOf({ contents, epoch, keptIn, undone }: RestoreReport, directory: string): string[] {
  const { entries, conversations } = contents;
  return [
    `${directory} holds ${entries} entries of ${conversations} conversations now, in epoch ${epoch}`,
    undone === undefined
      ? "there was no store before that could be compared"
      : `undone: ${undone.entriesAhead} entries of ${undone.conversationsAhead} conversations, which devices will drop`,
    ...(keptIn === undefined ? [] : [`what was there is in ${keptIn}: remove it when nobody needs it`]),
    "start the nodes",
  ];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
