import { directConversationId, type LoggedIn, logIn, makeAccounts } from "../device/accounts.ts";
import type { BacklogTasks } from "../device/backlog-writer.ts";
import { type Child, startChild } from "../processes/child.ts";
import { ParleyCluster } from "../processes/parley-cluster.ts";
import { manyAccountsFlags } from "../processes/parley-node.ts";
import type { TypingTargets, TypistTasks } from "./typists.ts";

/** Where typists are attached, which also owns all topics that are typed to. */
const owner = 0;

/** Where receivers are attached, by kind. */
const receiverNodes = [owner, 1] as const;

/** Two nodes, and devices that type to one another there. */
export interface ParleyHop {
  readonly cluster: ParleyCluster;
  readonly typists: Child<TypistTasks>;
}

/** How the links between nodes are secured. */
export type MeshKind = "cleartext" | "mutual TLS";

/** How it is started. */
export interface ParleyHopOptions {
  readonly directory: string;
  readonly kind: MeshKind;
  /** Devices that type; as many see it at the same node, and as many at the other one. */
  readonly typists: number;
  readonly profileDirectory: string | undefined;
}

/**
 * Starts both nodes and attaches all devices. Each typist has a direct conversation with each receiver, and all topics of
 * receivers are owned by the typists' node, so that a signal crosses from node to node either never or exactly once.
 */
export async function startParleyHop(
  running: AsyncDisposableStack,
  { directory, kind: meshKind, typists: count, profileDirectory }: ParleyHopOptions,
): Promise<ParleyHop> {
  const accountCount = accountsFor(count);
  makeAccounts(directory, accountCount);
  const flags = [...manyAccountsFlags, "--log-level", "warn"];
  const secured = meshKind === "mutual TLS";
  const cluster = running.use(await ParleyCluster.start(2, { directory, flags, secured, profileDirectory }));
  const accounts = await logIn(cluster.node(owner).public, accountCount);
  const typists = accounts.slice(0, count);
  const receivers = await ownedBy(cluster, accounts.slice(count), receiverNodes.length * count);
  const targets = receiverNodes.map((node, kind) => ({
    receivers: receivers.slice(kind * count, (kind + 1) * count).map((receiver) => ({
      server: cluster.node(node).public,
      accessToken: receiver.accessToken,
      conversationIds: typists.map((typist) => directConversationId(typist.accountId, receiver.accountId)),
    })),
  }));
  const places = typists.map(({ accessToken }) => ({ server: cluster.node(owner).public, accessToken }));
  await writeFirstMessages(places, targets);
  const child = running.use(await startChild<TypistTasks>(new URL("typists.ts", import.meta.url)));
  await child.ask("attach", { typists: places, targets });
  return { cluster, typists: child };
}

/** Two of three candidates for a receiver may have a topic that the other node owns. */
function accountsFor(typists: number): number {
  return typists + 3 * receiverNodes.length * typists + 16;
}

async function ownedBy(
  cluster: ParleyCluster,
  accounts: readonly LoggedIn[],
  count: number,
): Promise<LoggedIn[]> {
  const owned: LoggedIn[] = [];
  for (const account of accounts) {
    if (owned.length === count) break;
    if (await cluster.ownsTopicOf(owner, account.accountId)) owned.push(account);
  }
  if (owned.length < count) throw new Error(`one node owns the topics of only ${owned.length} accounts`);
  return owned;
}

/** A conversation exists from its first message on, and nobody is heard typing in one that does not. */
async function writeFirstMessages(
  typists: readonly { readonly server: string; readonly accessToken: string }[],
  targets: readonly TypingTargets[],
): Promise<void> {
  await using writer = await startChild<BacklogTasks>(
    new URL("../device/backlog-writer.ts", import.meta.url),
  );
  const receivers = targets.flatMap((target) => target.receivers);
  const authors = typists.map((place, typist) => ({
    ...place,
    conversationIds: receivers.map(({ conversationIds }) => conversationIds[typist] ?? ""),
  }));
  await writer.ask("write", { authors, perConversation: 1, textBytes: 1, run: "00000001" });
}
