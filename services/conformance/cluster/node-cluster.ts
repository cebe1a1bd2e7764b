import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AdminService } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import { LinkState, type Node } from "../../../gen/parley/admin/v1/node_pb.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { freePort } from "../harness/free-port.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";
import { type BackendKind, type Backends, startBackends } from "./backends.ts";
import { type MeshProxy, startMeshProxy } from "./mesh-proxy.ts";

/** How long the nodes may take to find one another, in milliseconds. */
const linkedMsMax = 60_000;

/** The longest that one question to an admin listener may take, in milliseconds. */
const adminCallMsMax = 5_000;

/** How long a node under load may take to commit the entry that ends or stops it, in milliseconds. */
const commitMsMax = 30_000;

/** With what the ids of conversations begin. */
export const idPrefixes = { group: "g-", direct: "d-" } as const;

/** One node of a cluster. */
export interface ClusterNode {
  readonly nodeId: string;
  readonly process: ParleyProcess;
  /** Kills itself just after the next commit of an entry there; resolves when it has. */
  dieAfterCommit(kind: "group" | "direct"): Promise<void>;
  /** Stops itself just before the next commit of an entry there, within the transaction; resolves when it does. */
  freezeInCommit(kind: "group" | "direct"): Promise<void>;
}

/** Several nodes as processes of the command, on one data directory or on servers beneath it. */
export interface NodeCluster extends AsyncDisposable {
  readonly nodes: readonly ClusterNode[];
  /** Base URLs for clients, in the order of `nodes`; they stay over restarts. */
  readonly servers: readonly string[];
  /** What stands between the nodes, when they were started behind a proxy. */
  readonly proxy: MeshProxy | undefined;
  /** When they were started on servers. */
  readonly backends: Backends | undefined;
  /** Waits until each node has a link that is up to each other one. */
  linked(): Promise<void>;
  /** Ends all processes however they stand, and removes the directory. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How to start a cluster. */
export interface ClusterOptions {
  readonly flags: readonly string[];
  /** Puts a proxy between the nodes, so that paths between them can be cut. */
  readonly behindProxy?: boolean;
  /** A shared directory unless told otherwise. */
  readonly backends?: BackendKind;
}

/** Starts `node-1`, `node-2`, … on free ports; resolves when they are ready and linked. Leaves nothing when it fails. */
export async function startCluster(
  count: number,
  { flags, behindProxy = false, backends: backendKind = "shared directory" }: ClusterOptions,
): Promise<NodeCluster> {
  await using started = new AsyncDisposableStack();
  const dataDirectory = mkdtempSync(join(tmpdir(), "parley-cluster-"));
  started.defer(() => rmSync(dataDirectory, { recursive: true, force: true }));
  const ids = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
  const backends = backendKind === "servers" ? started.use(await startBackends(ids)) : undefined;
  const meshPorts = new Map<string, number>();
  if (behindProxy) for (const id of ids) meshPorts.set(id, await freePort());
  const proxy = behindProxy ? started.use(await startMeshProxy(meshPorts)) : undefined;
  const starting = ids.map(async (nodeId): Promise<ClusterNode> => {
    const advertise = proxy === undefined ? [] : ["--mesh-advertise", proxy.addressOf(nodeId)];
    const meshPort = meshPorts.get(nodeId) ?? 0;
    const nodeFlags = ["--node-id", nodeId, ...advertise, ...(backends?.flagsOf(nodeId) ?? []), ...flags];
    const commitOrderFile = join(dataDirectory, `${nodeId}.commit-order`);
    const process = await startParley({ dataDirectory, flags: nodeFlags, meshPort, commitOrderFile });
    started.use(process);
    const dieAfterCommit = async (kind: keyof typeof idPrefixes): Promise<void> => {
      writeFileSync(commitOrderFile, `die-after ${idPrefixes[kind]}`);
      const hangs = setTimeout(() => void process.kill("SIGKILL"), commitMsMax);
      await process.ended();
      clearTimeout(hangs);
      if (existsSync(commitOrderFile)) throw new Error(`${nodeId} committed nothing in ${commitMsMax} ms`);
    };
    const freezeInCommit = async (kind: keyof typeof idPrefixes): Promise<void> => {
      writeFileSync(commitOrderFile, `freeze-before ${idPrefixes[kind]}`);
      const isTaken = (): boolean => !existsSync(commitOrderFile);
      await waitUntil(`${nodeId} commits an entry`, isTaken, { timeoutMs: commitMsMax });
    };
    return { nodeId, process, dieAfterCommit, freezeInCommit };
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
    proxy,
    backends,
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

/** How one node sees its links to the others, by node id. */
export async function linksOf(node: ClusterNode): Promise<ReadonlyMap<string, LinkState>> {
  const { nodes } = await adminOf(node).listNodes({});
  const own = nodes.find(({ nodeId }) => nodeId === node.nodeId);
  return new Map(own?.links.map(({ nodeId, state }) => [nodeId, state]));
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
