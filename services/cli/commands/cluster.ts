import { toJson } from "@bufbuild/protobuf";
import type { Node } from "../../../gen/parley/admin/v1/node_pb.ts";
import { NodeSchema } from "../../../gen/parley/admin/v1/node_pb.ts";
import { sleep } from "../../kernel/clock.ts";
import { askAdmin } from "../cluster/admin-client.ts";
import { clusterTable } from "../cluster/cluster-table.ts";
import type { CommandContext } from "../command-context.ts";
import { CommandError } from "../command-error.ts";

/** Between two looks of `--watch` and `--wait`, in milliseconds. */
const lookAgainMs = 1_000;

/** The longest that `drain --wait` waits, in milliseconds. */
const drainedMsMax = 120_000;

/** Moves to the upper left corner and clears what is below. */
const clearScreen = "\u001b[H\u001b[J";

/** Which node is asked. */
export interface AdminOptions {
  readonly admin: string;
}

/** `parley cluster` */
export async function cluster(
  context: CommandContext,
  options: AdminOptions & { readonly watch?: boolean; readonly json?: boolean },
): Promise<void> {
  const { admin, watch, json } = options;
  do {
    const lines = await look(admin, json === true).catch((error: unknown) => {
      // Somebody who watches wants to see the node come back as well.
      if (watch !== true || !(error instanceof CommandError)) throw error;
      return [error.message];
    });
    if (watch === true && context.terminal) context.print(`${clearScreen}${lines.join("\n")}`);
    else for (const line of lines) context.print(line);
    if (watch !== true) return;
    if (!context.terminal && json !== true) context.print("");
    await sleep(context.clock, lookAgainMs, context.signal);
  } while (!context.signal.aborted);
}

async function look(admin: string, json: boolean): Promise<string[]> {
  const { nodes, nodeId } = await askAdmin(admin, (client) => client.listNodes({}));
  return json
    ? nodes.map((node) => JSON.stringify(toJson(NodeSchema, node, { alwaysEmitImplicit: true })))
    : clusterTable(nodes, nodeId);
}

/** `parley drain NODE` */
export async function drain(
  context: CommandContext,
  nodeId: string,
  options: AdminOptions & { readonly wait?: boolean },
): Promise<void> {
  await askAdmin(options.admin, (client) => client.drainNode({ nodeId }));
  context.print(`${nodeId} drains: it takes no new clients and gives its topics away`);
  if (options.wait === true) await waitUntilDrained(context, nodeId, options.admin);
}

async function waitUntilDrained(context: CommandContext, nodeId: string, admin: string): Promise<void> {
  const untilMs = context.clock.monotonicMs() + drainedMsMax;
  for (;;) {
    const { nodes } = await askAdmin(admin, (client) => client.listNodes({}));
    const node = nodes.find((one) => one.nodeId === nodeId);
    if (node === undefined || isDrained(node)) break;
    if (context.clock.monotonicMs() > untilMs) {
      const still = `${node.attachedDevices} devices and ${node.topicsOwned} topics`;
      throw new CommandError(`${nodeId} still has ${still} after ${drainedMsMax / 1000} s`);
    }
    await sleep(context.clock, lookAgainMs, context.signal);
    if (context.signal.aborted) throw new CommandError("interrupted; the node goes on draining");
  }
  context.print(`${nodeId} has no devices and owns no topics`);
}

function isDrained({ answered, draining, attachedDevices, topicsOwned }: Node): boolean {
  return answered && draining && attachedDevices === 0 && topicsOwned === 0;
}

/** `parley undrain NODE` */
export async function undrain(context: CommandContext, nodeId: string, options: AdminOptions): Promise<void> {
  await askAdmin(options.admin, (client) => client.undrainNode({ nodeId }));
  context.print(`${nodeId} takes clients and topics again`);
}
