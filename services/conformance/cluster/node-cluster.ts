import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AdminService } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import { LinkState, type Node } from "../../../gen/parley/admin/v1/node_pb.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";

/** How long the nodes may take to find one another, in milliseconds. */
const linkedMsMax = 60_000;

/** The longest that one question to an admin listener may take, in milliseconds. */
const adminCallMsMax = 5_000;

/** One node of a cluster. */
export interface ClusterNode {
  readonly nodeId: string;
  readonly process: ParleyProcess;
}

/** Several nodes as processes of the command, on one data directory. */
export interface NodeCluster extends AsyncDisposable {
  readonly nodes: readonly ClusterNode[];
  /** Base URLs for clients, in the order of `nodes`; they stay over restarts. */
  readonly servers: readonly string[];
  /** Waits until each node has a link that is up to each other one. */
  linked(): Promise<void>;
  /** Ends all processes however they stand, and removes the directory. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts `node-1`, `node-2`, … on free ports; resolves when they are ready and linked. Leaves nothing when it fails. */
export async function startCluster(count: number, flags: readonly string[]): Promise<NodeCluster> {
  await using started = new AsyncDisposableStack();
  const dataDirectory = mkdtempSync(join(tmpdir(), "parley-cluster-"));
  started.defer(() => rmSync(dataDirectory, { recursive: true, force: true }));
  const ids = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
  const starting = ids.map(async (nodeId): Promise<ClusterNode> => {
    const process = await startParley({ dataDirectory, flags: ["--node-id", nodeId, ...flags] });
    started.use(process);
    return { nodeId, process };
  });
  // All of them are waited for, so that one that fails leaves no other behind.
  await Promise.allSettled(starting);
  const nodes = await Promise.all(starting);
  const linked = async (): Promise<void> => {
    const admin = adminOf(nodes[0]);
    await waitUntil("all links are up", async () => allLinked((await admin.listNodes({})).nodes, ids), {
      timeoutMs: linkedMsMax,
    });
  };
  await linked();
  const running = started.move();
  return {
    nodes,
    servers: nodes.map(({ process }) => process.publicUrl),
    linked,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** The nodes that may own a conversation, the owner first, as one node sees it. */
export async function ownersOf(
  asked: ClusterNode | undefined,
  conversationId: string,
): Promise<readonly string[]> {
  const subject = { case: "conversationId", value: conversationId } as const;
  return (await adminOf(asked).listOwners({ subject })).nodeIds;
}

function adminOf(node: ClusterNode | undefined): Client<typeof AdminService> {
  const baseUrl = node?.process.adminUrl ?? "";
  return createClient(
    AdminService,
    createConnectTransport({ baseUrl, httpVersion: "1.1", defaultTimeoutMs: adminCallMsMax }),
  );
}

function allLinked(nodes: readonly Node[], ids: readonly string[]): boolean {
  return ids.every((id) => {
    const up = nodes.find(({ nodeId }) => nodeId === id)?.links.filter(({ state }) => state === LinkState.UP);
    return (
      up !== undefined && ids.every((other) => other === id || up.some(({ nodeId }) => nodeId === other))
    );
  });
}
