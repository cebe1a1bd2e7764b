import { randomUUID } from "node:crypto";
import { type EtcdServer, missingForEtcd, startEtcdServer } from "../../testkit/etcd-server.ts";
import { buildGoTool, etcd as etcdTool, ferretdb } from "../../testkit/go-tools.ts";
import { type MongoServer, missingForMongo, startMongoServer } from "../../testkit/mongo-server.ts";
import { type BackendProxy, startBackendProxy } from "./backend-proxy.ts";

/** What the nodes of a cluster keep their data in and find one another by: files that they share, or etcd and MongoDB. */
export type BackendKind = "shared directory" | "servers";

/** One of the two servers. */
export type Backend = "store" | "coordinator";

/** Servers beneath a cluster. */
export interface Backends extends AsyncDisposable {
  readonly mongo: MongoServer;
  readonly etcd: EtcdServer;
  /** The settings by which a node reaches them. */
  flagsOf(nodeId: string): readonly string[];
  /** What stands between a node and a server. */
  pathOf(nodeId: string, backend: Backend): BackendProxy;
}

/** What a machine lacks for nodes on servers, by name. */
export function missingForServers(): readonly string[] {
  return [...missingForMongo(), ...missingForEtcd()];
}

/** Builds what the machine lacks for nodes on servers; throws, with Go's own words, where that fails. */
export function buildServers(say: (line: string) => void): void {
  const missing = missingForServers();
  for (const tool of [etcdTool, ferretdb].filter(({ name }) => missing.includes(name))) {
    say(`building ${tool.name} with Go; this happens once`);
    buildGoTool(tool);
  }
}

/** Starts servers for the nodes named, each of which reaches them by a way of its own. */
export async function startBackends(nodeIds: readonly string[]): Promise<Backends> {
  await using started = new AsyncDisposableStack();
  const mongo = started.use(await startMongoServer());
  const etcd = started.use(await startEtcdServer());
  const targets = { store: new URL(mongo.url).host, coordinator: etcd.address };
  const paths = new Map<string, Record<Backend, BackendProxy>>();
  for (const nodeId of nodeIds) {
    const store = started.use(await startBackendProxy(targets.store));
    paths.set(nodeId, { store, coordinator: started.use(await startBackendProxy(targets.coordinator)) });
  }
  const pathsOf = (nodeId: string): Record<Backend, BackendProxy> => {
    const found = paths.get(nodeId);
    if (found === undefined) throw new Error(`there is no node ${nodeId}`);
    return found;
  };
  const name = `parley-test-${randomUUID().slice(0, 13)}`;
  const running = started.move();
  return {
    mongo,
    etcd,
    pathOf: (nodeId, backend) => pathsOf(nodeId)[backend],
    flagsOf: (nodeId) => {
      const { store, coordinator } = pathsOf(nodeId);
      return [
        ["--store-url", `mongodb://${store.address}/${name}`, "--store-allow-unsafe", "true"],
        ["--coordinator-url", `etcd://${coordinator.address}/${name}`],
      ].flat();
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
