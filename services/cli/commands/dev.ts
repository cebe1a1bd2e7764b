import type { FlagValue } from "../../kernel/config-parse.ts";
import { directConversationId } from "../../message/conversation-id.ts";
import type { NodeConfig } from "../../node/config.ts";
import { type DemoUsers, demoPassword, makeDemoUsers } from "../../node/demo-users.ts";
import { type CommandContext, defaultServer } from "../command-context.ts";
import { parseNodeCount } from "../dev/node-ports.ts";
import { readNodeConfig } from "../node-config.ts";
import { type NodeReady, runNode } from "../run-node.ts";
import { storeFlag } from "../store-options.ts";
import { runDevNodes } from "./dev-nodes.ts";

/** `parley dev`, which is what `npm start` runs. */
export async function runDev(context: CommandContext, options: Record<string, FlagValue>): Promise<void> {
  const { nodes, supervised, ...rest } = options;
  const count = parseNodeCount(String(nodes ?? "1"));
  if (count > 1) await runDevNodes(context, count, rest);
  else if (supervised === true) await runSupervised(context, rest);
  else await runDevNode(context, rest);
}

async function runDevNode(context: CommandContext, options: Record<string, FlagValue>): Promise<void> {
  const { json } = options;
  const config = readDevConfig(context, options);
  await runNode(context, {
    config,
    onReady: async (ready, node) => {
      const users = await makeDemoUsers(node.accounts.deps);
      if (json === true) context.print(JSON.stringify({ event: "ready", ...ready, ...users }));
      else for (const line of welcome(ready, users, context.rng.uuid())) context.print(line);
    },
  });
}

/** One of several nodes: whoever started it made the demo users, and holds its standard input open for as long as it runs. */
async function runSupervised(context: CommandContext, options: Record<string, FlagValue>): Promise<void> {
  const orphaned = new AbortController();
  const end = (): void => orphaned.abort();
  void context.readInput().then(end, end);
  const signal = AbortSignal.any([context.signal, orphaned.signal]);
  await runNode(
    { ...context, signal },
    {
      config: readDevConfig(context, options),
      onReady: (ready) => context.print(JSON.stringify({ event: "ready", ...ready })),
    },
  );
}

function readDevConfig(context: CommandContext, options: Record<string, FlagValue>): NodeConfig {
  const { data, port, json: _, ...flags } = options;
  return readNodeConfig(context, { ...portFlags(port), ...storeFlag(data), ...flags }, true).values;
}

function portFlags(port: FlagValue): Record<string, FlagValue> {
  if (port === undefined) return {};
  const number = Number(port);
  const beside = (offset: number): string => (number === 0 ? "0" : String(number + offset));
  return { publicPort: String(port), meshPort: beside(1), adminPort: beside(2) };
}

/** What people see: addresses, and lines that work when they are pasted into another terminal. */
function welcome(ready: NodeReady, users: DemoUsers, uuid: string): string[] {
  const server = ready.public === defaultServer ? "" : ` --server ${ready.public}`;
  const conversation = directConversationId(users.alice, users.bob);
  const message = {
    conversationId: conversation,
    clientMessageId: uuid,
    content: { text: { text: "Hello from curl" } },
  };
  return [
    `Parley ${ready.version} is ready after ${(ready.startMs / 1000).toFixed(1)} s. Ctrl-C stops it.`,
    `  clients  ${[ready.public, ready.tls].filter((url) => url !== null).join("  ")}  (Connect, gRPC, gRPC-Web, HTTP/1.1)`,
    `  admin    ${ready.admin}  (/metrics /healthz /readyz)`,
    `  store    ${ready.store}`,
    "",
    "Paste into another terminal, in this directory:",
    `  PARLEY_PASSWORD=${demoPassword} npx parley login alice${server}`,
    `  PARLEY_PASSWORD=${demoPassword} npx parley login bob${server}`,
    '  npx parley send --as alice bob "Hello, Bob"',
    "  npx parley history --as bob alice",
    "  npx parley tail --as bob",
    "",
    "The same without the command:",
    `  curl -s ${ready.public}/parley.message.v1.MessageService/SendMessage \\`,
    "    -H \"authorization: Bearer $(npx parley token --as alice)\" -H 'content-type: application/json' \\",
    `    -d '${JSON.stringify(message)}'`,
    `  npx buf curl --http2-prior-knowledge -H "authorization: Bearer $(npx parley token --as bob)" \\`,
    `    -d '{"conversationId":"${conversation}"}' ${ready.public}/parley.message.v1.MessageService/ListEntries`,
  ];
}
