import type { Socket } from "node:net";
import { type HeldListener, type IsCut, startHeldListener } from "./held-listener.ts";

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
  await using started = new AsyncDisposableStack();
  const listeners = new Map<string, HeldListener>();
  const cuts = new Set<string>();
  const nodeIds = [...ports.keys()];
  for (const [nodeId, port] of ports) {
    const judge = (near: Socket): IsCut => {
      const diallerOf = watchDialler(near, nodeIds);
      return (way) => {
        const dialler = diallerOf();
        if (dialler === undefined) return false;
        const path = way === "there" ? { from: dialler, to: nodeId } : { from: nodeId, to: dialler };
        return cuts.has(nameOf(path));
      };
    };
    listeners.set(nodeId, started.use(await startHeldListener({ host: "127.0.0.1", port }, judge)));
  }
  const running = started.move();
  return {
    addressOf: (nodeId) => {
      const listener = listeners.get(nodeId);
      if (listener === undefined) throw new Error("the proxy has no such node");
      return listener.address;
    },
    cut: (paths) => {
      for (const path of paths) cuts.add(nameOf(path));
    },
    heal: () => {
      cuts.clear();
      for (const listener of listeners.values()) listener.release();
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/**
 * Answers who dialled, once that one has said so. The mesh is cleartext here, and the first name in a link's hello is that of
 * the node that dials; before it only the set-up of HTTP/2 has passed, which is nobody's loss.
 */
function watchDialler(near: Socket, nodeIds: readonly string[]): () => string | undefined {
  let dialler: string | undefined;
  near.on("data", (chunk: Buffer) => {
    if (dialler !== undefined) return;
    const text = chunk.toString("latin1");
    const places = nodeIds.flatMap((id) => (text.includes(id) ? [{ id, at: text.indexOf(id) }] : []));
    dialler = places.toSorted((one, other) => one.at - other.at)[0]?.id;
    if (dialler === undefined && near.bytesRead > helloBytesMax) near.destroy();
  });
  return () => dialler;
}

function nameOf({ from, to }: Path): string {
  return `${from} to ${to}`;
}
