import { mkdirSync } from "node:fs";
import type { FlagValue } from "../../kernel/config-parse.ts";
import { makeDemoUsers } from "../../node/demo-users.ts";
import { untilAborted } from "../aborted.ts";
import { administer } from "../administer.ts";
import type { CommandContext } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { listenForControl } from "../dev/control-socket.ts";
import { DevCluster } from "../dev/dev-cluster.ts";
import { jsonDevReporter, textDevReporter } from "../dev/dev-reporter.ts";
import { sharedFlags } from "../dev/node-flags.ts";
import { parseFirstPort } from "../dev/node-ports.ts";
import { describeEnd, type ProcessEnd } from "../dev/node-process.ts";
import { exitCodes } from "../exit-codes.ts";
import { readNodeConfig } from "../node-config.ts";
import { storeFlag } from "../store-options.ts";

/** Where the nodes of one command are found when `--data` is not given. */
export const defaultData = ".parley";

const defaultFirstPort = "7080";

/** `parley dev --nodes N`: so many processes on one directory, until a signal or until all have ended. */
export async function runDevNodes(
  context: CommandContext,
  count: number,
  options: Readonly<Record<string, FlagValue>>,
): Promise<void> {
  const { clock, environment, signal } = context;
  const startedMs = clock.monotonicMs();
  const { data: directory, port = defaultFirstPort, json, ...settings } = options;
  const given = typeof directory === "string" ? directory : undefined;
  const data = given ?? defaultData;
  const firstPort = parseFirstPort(String(port), count);
  const flags = [...(given === undefined ? [] : ["--data", given]), ...sharedFlags(settings)];
  const { values: config } = readNodeConfig(context, { ...storeFlag(given), ...settings }, true);
  const reporter = json === true ? jsonDevReporter(context) : textDevReporter(context);
  const drainMs = config["drain.deadlineMs"];
  const cluster = new DevCluster({ ...reporter, flags, environment, clock, firstPort, drainMs });
  mkdirSync(data, { recursive: true });
  const control = await listenForControl(data, (request) => cluster.answer(request));
  let ends: ReadonlyMap<string, ProcessEnd>;
  try {
    await administer(context, config, async ({ deps }) => reporter.onUsers(await makeDemoUsers(deps)));
    const stopped = untilAborted(signal);
    await Promise.race([stopped, startAll(cluster, count)]);
    if (!signal.aborted) {
      const startMs = clock.monotonicMs() - startedMs;
      const store = config["store.url"];
      reporter.onStarted({ startMs, store, data: given, nodes: cluster.list() });
    }
    await Promise.race([stopped, cluster.allEnded]);
  } finally {
    control.close();
    ends = await cluster.stop();
  }
  assertEndedWell(ends);
  if (!signal.aborted) throw new CommandError("all nodes have ended");
}

async function startAll(cluster: DevCluster, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => cluster.start(index + 1)));
}

function assertEndedWell(ends: ReadonlyMap<string, ProcessEnd>): void {
  const bad = [...ends].filter(([, { code }]) => code !== exitCodes.ok);
  if (bad.length === 0) return;
  const names = bad.map(([name, end]) => `${name} ${describeEnd(end)}`).join(", ");
  throw new CommandError(`stopped, but ${names}`, exitCodes.stoppedEarly);
}
