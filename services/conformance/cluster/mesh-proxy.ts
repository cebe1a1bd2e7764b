import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { HeldBytes } from "./held-bytes.ts";

/** Somewhere in its first bytes a link says who dials it; a connection that has not by then is none. */
const helloBytesMax = 65_536;

/** Bytes from one node to another; both directions between two nodes are two paths. */
export interface Path {
  readonly from: string;
  readonly to: string;
}

/**
 * What stands between the nodes of a cluster: each node is reached through a listener of this process, which passes
 * everything on as it is, except on paths that are cut.
 */
export interface MeshProxy extends AsyncDisposable {
  /** What the node is to advertise, as `host:port`. */
  addressOf(nodeId: string): string;
  /** Lets nothing through on these paths, on connections that are open and on new ones, beside those cut before. */
  cut(paths: readonly Path[]): void;
  /** Lets everything through again, what was held back included. */
  heal(): void;
}

/** Starts a proxy for the nodes, each of which listens on its port of 127.0.0.1, or will. */
export async function startMeshProxy(ports: ReadonlyMap<string, number>): Promise<MeshProxy> {
  const connections = new Set<ProxiedConnection>();
  const listeners = new Map<string, Server>();
  const cuts = new Set<string>();
  const nodeIds = [...ports.keys()];
  for (const [nodeId, port] of ports) {
    const listener = createServer((near) => {
      const connection = new ProxiedConnection({
        near,
        far: dial({ host: "127.0.0.1", port, noDelay: true }),
        nodeId,
        nodeIds,
        isCut: (path) => cuts.has(nameOf(path)),
      });
      connections.add(connection);
      void connection.closed.then(() => connections.delete(connection));
    });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    listeners.set(nodeId, listener);
  }
  return {
    addressOf: (nodeId) => addressOf(listeners.get(nodeId)),
    cut: (paths) => {
      for (const path of paths) cuts.add(nameOf(path));
    },
    heal: () => {
      cuts.clear();
      for (const connection of connections) connection.release();
    },
    async [Symbol.asyncDispose]() {
      for (const listener of listeners.values()) listener.close();
      for (const connection of connections) connection.destroy();
    },
  };
}

/** One connection that a node dialled, and its other half to the node that is meant. */
class ProxiedConnection {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #up: HeldBytes;
  readonly #down: HeldBytes;
  /** Resolves when both halves are gone: of a cut connection one may outlive the other. */
  readonly closed: Promise<unknown>;
  #dialler: string | undefined;

  constructor(options: {
    readonly near: Socket;
    readonly far: Socket;
    readonly nodeId: string;
    readonly nodeIds: readonly string[];
    readonly isCut: (path: Path) => boolean;
  }) {
    const { near, far, nodeId, nodeIds, isCut } = options;
    this.#near = near.setNoDelay();
    this.#far = far;
    this.closed = Promise.all(
      [near, far].map((half) => new Promise((resolve) => half.once("close", resolve))),
    );
    // Before anybody has said who it is only the set-up of HTTP/2 has passed, which is nobody's loss.
    near.on("data", (chunk: Buffer) => this.#listen(chunk, nodeIds));
    const cutBetween = (path: (dialler: string) => Path) => (): boolean =>
      this.#dialler !== undefined && isCut(path(this.#dialler));
    this.#up = new HeldBytes(
      near,
      far,
      cutBetween((from) => ({ from, to: nodeId })),
    );
    this.#down = new HeldBytes(
      far,
      near,
      cutBetween((to) => ({ from: nodeId, to })),
    );
  }

  release(): void {
    this.#up.release();
    this.#down.release();
  }

  destroy(): void {
    this.#near.destroy();
    this.#far.destroy();
  }

  /** The mesh is cleartext here, and the first name in a link's hello is that of the node that dials. */
  #listen(chunk: Buffer, nodeIds: readonly string[]): void {
    if (this.#dialler !== undefined) return;
    const text = chunk.toString("latin1");
    const places = nodeIds.flatMap((id) => (text.includes(id) ? [{ id, at: text.indexOf(id) }] : []));
    this.#dialler = places.toSorted((one, other) => one.at - other.at)[0]?.id;
    if (this.#dialler === undefined && this.#near.bytesRead > helloBytesMax) this.destroy();
  }
}

function nameOf({ from, to }: Path): string {
  return `${from} to ${to}`;
}

function addressOf(listener: Server | undefined): string {
  const address = listener?.address();
  if (typeof address !== "object" || address === null) throw new Error("the proxy has no such node");
  return `127.0.0.1:${address.port}`;
}
