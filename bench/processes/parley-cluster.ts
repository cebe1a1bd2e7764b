import { join } from "node:path";
import { fromJson } from "@bufbuild/protobuf";
import {
  ListNodesResponseSchema,
  ListOwnersResponseSchema,
} from "../../gen/parley/admin/v1/admin_service_pb.ts";
import { LinkState, type Node } from "../../gen/parley/admin/v1/node_pb.ts";
import { callJson } from "./call-json.ts";
import { makeAuthority, makeCertificate, type ParleyNode, startParley } from "./parley-node.ts";
import { waitUntil } from "./wait-until.ts";

/** Milliseconds that the nodes may take to find one another. */
const linkedMsMax = 60_000;

/** How a cluster is started. */
export interface ParleyClusterOptions {
  /** What all nodes share. */
  readonly directory: string;
  readonly flags: readonly string[];
  /** Links are mutual TLS, with certificates made for these nodes; cleartext unless told so. */
  readonly secured?: boolean;
  readonly profileDirectory: string | undefined;
}

/** Several nodes of one machine, each a process of the command, on one data directory. */
export class ParleyCluster implements AsyncDisposable {
  readonly #options: ParleyClusterOptions;
  readonly #running = new Map<string, ParleyNode>();

  private constructor(options: ParleyClusterOptions) {
    this.#options = options;
  }

  /** Starts `node-1`, `node-2`, … and resolves when all are linked. Leaves nothing when it fails. */
  static async start(count: number, options: ParleyClusterOptions): Promise<ParleyCluster> {
    await using stack = new AsyncDisposableStack();
    const cluster = stack.use(new ParleyCluster(options));
    if (options.secured === true) makeAuthority(certificatesOf(options));
    const starting = Array.from({ length: count }, (_, index) => cluster.#start(nodeIdOf(index)));
    // All of them are waited for, so that one that fails leaves no other behind.
    await Promise.allSettled(starting);
    await Promise.all(starting);
    await cluster.linked();
    stack.move();
    return cluster;
  }

  /** Those that run, by their ids. */
  get nodes(): readonly ParleyNode[] {
    return [...this.#running].sort(([one], [other]) => one.localeCompare(other)).map(([, node]) => node);
  }

  /** One of them, counted from 0. Throws when it does not run. */
  node(index: number): ParleyNode {
    const node = this.#running.get(nodeIdOf(index));
    if (node === undefined) throw new Error(`${nodeIdOf(index)} does not run`);
    return node;
  }

  /** Starts one more, or one that has ended again, and resolves when all are linked. */
  async add(index: number): Promise<ParleyNode> {
    const node = await this.#start(nodeIdOf(index));
    await this.linked();
    return node;
  }

  /** Sends a signal to one of them and waits for its end. */
  async end(index: number, signal: NodeJS.Signals): Promise<void> {
    const node = this.node(index);
    this.#running.delete(nodeIdOf(index));
    await node.kill(signal);
  }

  /** Waits until each node has a link that is up to each other one. */
  async linked(): Promise<void> {
    const isLinked = async (): Promise<boolean> => allLinked(await this.#list(), [...this.#running.keys()]);
    await waitUntil("all links between the nodes", isLinked, linkedMsMax);
  }

  /** The last round trips of all links' own pings, in milliseconds. */
  async roundTripsMs(): Promise<number[]> {
    const links = (await this.#list()).flatMap((node) => node.links);
    return links.flatMap(({ roundTrip }) =>
      roundTrip === undefined ? [] : [Number(roundTrip.seconds) * 1_000 + roundTrip.nanos / 1_000_000],
    );
  }

  /** Lets one of them, counted from 0, give away its devices and topics; resolves when it has begun. */
  async drain(index: number): Promise<void> {
    await callJson(`${this.#adminUrl}/DrainNode`, { nodeId: nodeIdOf(index) });
  }

  /** Whether this node, counted from 0, owns the account's own topic. */
  async ownsTopicOf(index: number, accountId: string): Promise<boolean> {
    const answer = await callJson(`${this.#adminUrl}/ListOwners`, { accountId });
    return fromJson(ListOwnersResponseSchema, answer).nodeIds[0] === nodeIdOf(index);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
  }

  async #start(nodeId: string): Promise<ParleyNode> {
    const { directory, flags, secured, profileDirectory } = this.#options;
    const certificate = secured === true ? makeCertificate(certificatesOf(this.#options), nodeId) : [];
    const own = ["--node-id", nodeId, ...certificate, ...flags];
    const node = await startParley({ directory, flags: own, profileDirectory });
    this.#running.set(nodeId, node);
    return node;
  }

  async #list(): Promise<readonly Node[]> {
    return fromJson(ListNodesResponseSchema, await callJson(`${this.#adminUrl}/ListNodes`, {})).nodes;
  }

  get #adminUrl(): string {
    return `${this.nodes[0]?.admin ?? ""}/parley.admin.v1.AdminService`;
  }
}

function certificatesOf({ directory }: ParleyClusterOptions): string {
  return join(directory, "certificates");
}

function nodeIdOf(index: number): string {
  return `node-${index + 1}`;
}

function allLinked(nodes: readonly Node[], ids: readonly string[]): boolean {
  return ids.every((id) => {
    const links = nodes.find(({ nodeId }) => nodeId === id)?.links ?? [];
    const up = new Set(links.filter(({ state }) => state === LinkState.UP).map(({ nodeId }) => nodeId));
    return nodes.some(({ nodeId }) => nodeId === id) && ids.every((other) => other === id || up.has(other));
  });
}
