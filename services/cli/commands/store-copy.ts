import { pinoLogger } from "../../kernel/pino-logger.ts";
import { backendProblem, storeUrlPattern } from "../../node/backend-urls.ts";
import { copyStores, NoStore } from "../../node/maintenance/copy-stores.ts";
import { type CopyProgress, CopyRefused } from "../../store/copy/copy-store.ts";
import type { ComparedCollection } from "../../store/copy/verify-stores.ts";
import type { CommandContext } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { textTable } from "../text-table.ts";
import { explained } from "./backup.ts";

export interface StoreCopyOptions {
  readonly verifyOnly?: boolean;
  readonly allowUnsafe?: boolean;
  readonly json?: boolean;
}

/** Between two lines on how far a copy is, in milliseconds. */
const progressMs = 2_000;

/** `parley store copy FROM TO` */
export async function storeCopy(
  context: CommandContext,
  { from, to }: { readonly from: string; readonly to: string },
  options: StoreCopyOptions,
): Promise<void> {
  for (const [name, url] of [
    ["FROM", from],
    ["TO", to],
  ] as const) {
    assertStoreUrl(name, url);
  }
  if (from === to) throw new CommandError("FROM and TO are the same store", exitCodes.usage);
  const { clock, rng, signal, environment } = context;
  const compared = await explained(() =>
    refusals(() =>
      copyStores({
        from: { url: from, password: environment["PARLEY_FROM_PASSWORD"] },
        to: { url: to, password: environment["PARLEY_TO_PASSWORD"] },
        allowUnsafe: options.allowUnsafe === true,
        verifyOnly: options.verifyOnly === true,
        clock,
        rng,
        signal,
        logger: pinoLogger({ clock, level: "warn", format: "text" }),
        notice: (line) => context.notice(line),
        onProgress: progressLines(context),
      }),
    ),
  );
  if (options.json) for (const one of compared) context.print(JSON.stringify(jsonOf(one)));
  else printTable(context, compared);
  const differing = compared.filter(({ difference }) => difference !== undefined);
  if (differing.length > 0) throw new CommandError(differing.map(differenceText).join("\n"));
}

function assertStoreUrl(name: "FROM" | "TO", url: string): void {
  if (!storeUrlPattern.test(url)) {
    throw new CommandError(`${name} is sqlite:DIRECTORY or mongodb://…; it is ${url}`, exitCodes.usage);
  }
  const problem = backendProblem({ "store.url": url, "coordinator.url": "sqlite:unused" });
  if (problem === undefined) return;
  throw new CommandError(
    `${name} has a secret in it: name only the user there, and set PARLEY_${name}_PASSWORD`,
    exitCodes.usage,
  );
}

async function refusals<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CopyRefused || error instanceof NoStore) throw new CommandError(error.message);
    throw error;
  }
}

/** Says every two seconds how far it is, how fast, and how long that will take. */
function progressLines(context: CommandContext): (progress: CopyProgress) => void {
  const { clock } = context;
  let phase: CopyProgress["phase"] | undefined;
  let startMs = 0;
  let saidMs = 0;
  return (progress) => {
    const nowMs = clock.monotonicMs();
    if (progress.phase !== phase) [phase, startMs, saidMs] = [progress.phase, nowMs, nowMs];
    if (nowMs - saidMs < progressMs) return;
    saidMs = nowMs;
    const perSecond = (progress.rows / (nowMs - startMs)) * 1_000;
    const leftSeconds = Math.max(0, progress.rowsInAll - progress.rows) / perSecond;
    const what = progress.collection === undefined ? phase : `${phase} ${progress.collection}`;
    context.notice(
      `${what}: ${progress.rows} of about ${progress.rowsInAll} rows, ${Math.round(perSecond)} a second, about ${Math.ceil(leftSeconds)} s left`,
    );
  };
}

function jsonOf({ collection, rows, checksum, difference }: ComparedCollection) {
  return { collection, rows, checksum, difference: difference ?? null };
}

function printTable(context: CommandContext, compared: readonly ComparedCollection[]): void {
  const rows = compared.map(({ collection, rows: count, checksum, difference }) => [
    collection,
    `${count}`,
    checksum.slice(0, 16),
    difference === undefined ? "equal" : "DIFFERS",
  ]);
  for (const line of textTable(["collection", "rows", "checksum", ""], rows)) context.print(line);
}

function differenceText({ collection, rows, difference }: ComparedCollection): string {
  const text = (key: readonly string[] | undefined): string => key?.join(" ") ?? "?";
  return `${collection} differs after ${rows} equal rows, between ${text(difference?.firstKey)} and ${text(difference?.lastKey)}: first at ${text(difference?.key)}`;
}
