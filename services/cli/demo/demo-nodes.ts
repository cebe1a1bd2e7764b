import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LinkState, type Node } from "../../../gen/parley/admin/v1/node_pb.ts";
import { type Clock, sleep } from "../../kernel/clock.ts";
import { adminClient } from "../cluster/admin-client.ts";
import { CommandError } from "../command-error.ts";
import { ownFlags } from "../dev/node-flags.ts";
import { nodeName, portsOf } from "../dev/node-ports.ts";
import { type NodeAddresses, type NodeProcess, startNodeProcess } from "../dev/node-process.ts";
import { exitCodes } from "../exit-codes.ts";

/** How long the nodes may take to find one another, in milliseconds. */
const linkedMsMax = 20_000;

/** Between two looks at the cluster, in milliseconds. */
const lookAgainMs = 50;

/** How long a node may take to end when it is asked to, before it is killed, in milliseconds. */
const stopMsMax = 5_000;

/** A node of the demo. */
export interface DemoNode extends NodeAddresses {
  readonly name: string;
  readonly process: NodeProcess;
}

/** Three nodes on one temporary directory, which goes with them. */
export interface DemoNodes extends AsyncDisposable {
  readonly nodes: readonly DemoNode[];
  readonly directory: string;
  /** The last lines that each node logged. */
  readonly logs: readonly string[];
}

/** What the nodes are started with. */
export interface DemoNodesOptions {
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Leave the directory where it is. */
  readonly keep: boolean;
}

/** Lines of the logs that are kept; the oldest go. */
const logLinesMax = 200;

/** Starts them on free ports; resolves when each is ready and linked to the others. */
export async function startDemoNodes(options: DemoNodesOptions): Promise<DemoNodes> {
  const directory = mkdtempSync(join(tmpdir(), "parley-demo-"));
  const remove = (): void => {
    if (!options.keep) rmSync(directory, { recursive: true, force: true });
  };
  // Also when a second signal ends the process at once.
  process.once("exit", remove);
  const logs: string[] = [];
  const processes = [1, 2, 3].map((number) =>
    startNodeProcess({
      flags: ["--data", join(directory, "data"), ...ownFlags(number, portsOf(number, 0))],
      environment: withoutSettings(options.environment),
      onLog: (line) => {
        logs.push(`${nodeName(number)} | ${line}`);
        if (logs.length > logLinesMax) logs.shift();
      },
    }),
  );
  const dispose = async (): Promise<void> => {
    await Promise.all(processes.map((process) => stopProcess(options.clock, process)));
    process.removeListener("exit", remove);
    remove();
  };
  try {
    const nodes = await Promise.all(
      processes.map(async (process, index) => ({
        name: nodeName(index + 1),
        process,
        ...(await process.ready),
      })),
    );
    await untilLinked(options, nodes);
    return { nodes, directory, logs, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    if (options.signal.aborted || !(error instanceof Error)) throw error;
    throw new CommandError([error.message, ...logs.slice(-10)].join("\n"), exitCodes.startFailed);
  }
}

/** Settings that people have in their environment are for their own nodes. */
function withoutSettings(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("PARLEY_")));
}

async function stopProcess(clock: Clock, process: NodeProcess): Promise<void> {
  process.send("SIGTERM");
  const ended = new AbortController();
  void sleep(clock, stopMsMax, ended.signal).then(() => {
    if (!ended.signal.aborted) process.send("SIGKILL");
  });
  await process.ended;
  ended.abort();
}

async function untilLinked({ clock, signal }: DemoNodesOptions, nodes: readonly DemoNode[]): Promise<void> {
  const [first] = nodes;
  const untilMs = clock.monotonicMs() + linkedMsMax;
  const admin = adminClient(first?.admin ?? "");
  for (;;) {
    const { nodes: listed } = await admin.listNodes({}, { signal });
    if (nodes.every(({ name }) => isLinked(listed, name, nodes.length - 1))) return;
    if (clock.monotonicMs() > untilMs) {
      throw new CommandError(`the nodes did not find one another within ${linkedMsMax / 1000} s`);
    }
    await sleep(clock, lookAgainMs, signal);
  }
}

function isLinked(listed: readonly Node[], nodeId: string, others: number): boolean {
  const links = listed.find((node) => node.nodeId === nodeId)?.links ?? [];
  return links.length === others && links.every(({ state }) => state === LinkState.UP);
}
