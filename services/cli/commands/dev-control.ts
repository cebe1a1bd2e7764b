import type { CommandContext } from "../command-context.ts";
import type { ControlRequest, KillSignal, NodeView } from "../dev/control-message.ts";
import { askControl } from "../dev/control-socket.ts";
import { parseNodeNumber } from "../dev/node-ports.ts";
import { textTable } from "../text-table.ts";

/** Options of the commands that speak to a running `parley dev --nodes`. */
export interface DevControlOptions {
  readonly data: string;
  readonly json?: boolean;
}

/** `parley dev kill K` */
export function devKill(
  context: CommandContext,
  node: string,
  options: DevControlOptions & { readonly signal: KillSignal },
): Promise<void> {
  return ask(context, options, { command: "kill", node: parseNodeNumber(node), signal: options.signal });
}

/** `parley dev start K` */
export function devStart(context: CommandContext, node: string, options: DevControlOptions): Promise<void> {
  return ask(context, options, { command: "start", node: parseNodeNumber(node) });
}

/** `parley dev add` */
export function devAdd(context: CommandContext, options: DevControlOptions): Promise<void> {
  return ask(context, options, { command: "add" });
}

/** `parley dev list` */
export function devList(context: CommandContext, options: DevControlOptions): Promise<void> {
  return ask(context, options, { command: "list" });
}

async function ask(
  context: CommandContext,
  options: DevControlOptions,
  request: ControlRequest,
): Promise<void> {
  const { text, nodes } = await askControl(options.data, request);
  if (options.json === true) for (const node of nodes) context.print(JSON.stringify(node));
  else for (const line of request.command === "list" ? table(nodes) : [text]) context.print(line);
}

function table(nodes: readonly NodeView[]): string[] {
  const rows = nodes.map((view) => [
    view.node,
    view.state,
    String(view.pid ?? "-"),
    view.public ?? "-",
    view.admin ?? "-",
  ]);
  return textTable(["node", "state", "pid", "clients", "admin"], rows);
}
