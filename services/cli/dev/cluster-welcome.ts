import { demoPassword } from "../../node/demo-users.ts";
import type { NodeView } from "./control-message.ts";

/** What the lines to paste depend on. */
export interface WelcomeOptions {
  readonly version: string;
  readonly startMs: number;
  readonly store: string;
  readonly nodes: readonly NodeView[];
  /** `--data` as it was given; undefined when it is the default. */
  readonly data: string | undefined;
  /** Addresses that commands look at when they are told none. */
  readonly defaults: { readonly server: string; readonly admin: string };
}

/** What people see when all nodes are ready: addresses, and lines that work when they are pasted into another terminal. */
export function clusterWelcome(options: WelcomeOptions): string[] {
  const { nodes, defaults } = options;
  const [first, second = first] = nodes;
  const server = (node: NodeView | undefined): string => flagUnless("server", node?.public, defaults.server);
  const admin = flagUnless("admin", first?.admin, defaults.admin);
  const data = options.data === undefined ? "" : ` --data ${options.data}`;
  return [
    `Parley ${options.version}: ${nodes.length} nodes are ready after ${(options.startMs / 1000).toFixed(1)} s. Ctrl-C stops them.`,
    ...nodes.map(({ node, ...at }) => `  ${node}  clients ${at.public}  admin ${at.admin}`),
    `  store   ${options.store}`,
    "",
    "Paste into another terminal, in this directory:",
    `  PARLEY_PASSWORD=${demoPassword} npx parley login alice${server(first)}`,
    `  PARLEY_PASSWORD=${demoPassword} npx parley login bob${server(second)}`,
    '  npx parley send --as alice bob "Hello, Bob"',
    "  npx parley tail --as bob",
    `  npx parley cluster${admin}`,
    `  npx parley dev kill ${Math.min(2, nodes.length)}${data}`,
    `  npx parley dev start ${Math.min(2, nodes.length)}${data}`,
    `  npx parley dev add${data}`,
  ];
}

function flagUnless(flag: string, value: string | null | undefined, byDefault: string): string {
  return value === null || value === undefined || value === byDefault ? "" : ` --${flag} ${value}`;
}
