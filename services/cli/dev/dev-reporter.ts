import type { DemoUsers } from "../../node/demo-users.ts";
import { packageVersion } from "../../node/package-version.ts";
import { type CommandContext, defaultAdmin, defaultServer } from "../command-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { clusterWelcome } from "./cluster-welcome.ts";
import type { NodeView } from "./control-message.ts";
import type { DevClusterOptions } from "./dev-cluster.ts";
import { describeEnd } from "./node-process.ts";

/** What is known once all nodes are ready. */
export interface DevStart {
  readonly startMs: number;
  readonly store: string;
  /** `--data` as it was given; undefined when it is the default. */
  readonly data: string | undefined;
  readonly nodes: readonly NodeView[];
}

/** Tells people or scripts how the nodes of a `parley dev --nodes` do. */
export interface DevReporter extends Pick<DevClusterOptions, "onLog" | "onReady" | "onEnd"> {
  /** The demo users are there; before any node is. */
  onUsers(users: DemoUsers): void;
  /** All nodes are ready that were asked for at the start. */
  onStarted(start: DevStart): void;
}

/** Lines for people: addresses and what to paste at first, then what changes. */
export function textDevReporter(context: CommandContext): DevReporter {
  let hasStarted = false;
  return {
    onUsers: () => undefined,
    onLog: (node, line) => context.notice(`${node} | ${line}`),
    onReady: (node, _, addresses) => {
      if (hasStarted) context.print(`${node} is ready: ${addresses.public}`);
    },
    onStarted: (start) => {
      hasStarted = true;
      const defaults = { server: defaultServer, admin: defaultAdmin };
      const lines = clusterWelcome({ ...start, version: packageVersion(), defaults });
      for (const line of lines) context.print(line);
    },
    onEnd: (node, end, expected) => {
      if (!expected || end.code !== exitCodes.ok) context.print(`${node} ${describeEnd(end)}`);
    },
  };
}

/** One JSON object a line: when a node is ready, and when it has ended. */
export function jsonDevReporter(context: CommandContext): DevReporter {
  let made: DemoUsers | undefined;
  const say = (fields: object): void => context.print(JSON.stringify(fields));
  return {
    onUsers: (users) => {
      made = users;
    },
    onLog: (node, line) => context.notice(`${node} | ${line}`),
    onReady: (node, pid, addresses) => say({ event: "ready", node, pid, ...addresses, ...made }),
    onStarted: () => undefined,
    onEnd: (node, end) => say({ event: "ended", node, ...end }),
  };
}
