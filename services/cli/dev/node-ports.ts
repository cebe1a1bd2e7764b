import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";

/** Nodes that one `parley dev` may run. */
export const nodesMax = 9;

/** From the ports of one node to those of the next. */
const portsPerNode = 10;

/** The ports of one node on 127.0.0.1; 0 is any free one. */
export interface NodePorts {
  readonly public: number;
  readonly mesh: number;
  readonly admin: number;
  /** Opened only with a certificate. */
  readonly tls: number;
}

/** The ports of node `number` (from 1), when those of the first begin at `first`; all 0 when that is 0. */
export function portsOf(number: number, first: number): NodePorts {
  if (first === 0) return { public: 0, mesh: 0, admin: 0, tls: 0 };
  const base = first + portsPerNode * (number - 1);
  return { public: base, mesh: base + 1, admin: base + 2, tls: base + 3 };
}

/** Reads `--port`. Throws a CommandError unless it is 0 or leaves room for the ports of `nodes` nodes. */
export function parseFirstPort(text: string, nodes: number): number {
  const port = Number(text);
  const highest = 65_535 - portsPerNode * nodes;
  if (/^\d{1,5}$/.test(text) && port <= highest) return port;
  throw new CommandError(
    `--port must be 0 or a port up to ${highest}, which leaves room for ${nodes} nodes; it is ${text}`,
    exitCodes.usage,
  );
}

/** Reads `--nodes`. Throws a CommandError outside of 1 to `nodesMax`. */
export function parseNodeCount(text: string): number {
  if (new RegExp(`^[1-${nodesMax}]$`).test(text)) return Number(text);
  throw new CommandError(`--nodes must be 1 to ${nodesMax}, it is ${text}`, exitCodes.usage);
}

/** What node `number` is called. */
export function nodeName(number: number): string {
  return `node-${number}`;
}

/** The number of the node that a person names as `2` or `node-2`. Throws a CommandError for anything else. */
export function parseNodeNumber(text: string): number {
  const number = /^(?:node-)?(?<number>[1-9])$/.exec(text)?.groups?.["number"];
  if (number !== undefined) return Number(number);
  throw new CommandError(`a node is named by its number, 1 to ${nodesMax}; ${text} is none`, exitCodes.usage);
}
