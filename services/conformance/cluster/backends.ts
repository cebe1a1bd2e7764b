import { randomUUID } from "node:crypto";
import { type EtcdServer, isOwnEtcd, missingForEtcd, startEtcdServer } from "../../testkit/etcd-server.ts";
import { buildGoTool, etcd as etcdTool, ferretdb } from "../../testkit/go-tools.ts";
import {
  isStandIn,
  type MongoServer,
  missingForMongo,
  startMongoServer,
} from "../../testkit/mongo-server.ts";
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
  /** What stands between a node and a server that was started for it. Throws for one that was there before. */
  pathOf(nodeId: string, backend: Backend): BackendProxy;
}

/** What a machine lacks for nodes on servers, by name. */
export function missingForServers(): readonly string[] {
  return [...missingForMongo(), ...missingForEtcd()];
}

/** Whether an environment variable names the server: no harm is done to it then, nor to the ways to it. */
export function isGiven(backend: Backend): boolean {
  return backend === "store" ? !isStandIn() : !isOwnEtcd();
}

/** A bound on times where the store is a MongoDB; undefined on its stand-in, which has no room for what follows a fault. */
export function ofMongo(msMax: number): number | undefined {
  return isStandIn() ? undefined : msMax;
}

/** Builds what the machine lacks for nodes on servers; throws, with Go's own words, where that fails. */
export function buildServers(say: (line: string) => void): void {
  const missing = missingForServers();
  for (const tool of [etcdTool, ferretdb].filter(({ name }) => missing.includes(name))) {
    say(`building ${tool.name} with Go; this happens once`);
    buildGoTool(tool);
  }
}

/**
 * Starts servers for the nodes named, each of which reaches them by a way of its own. Servers that environment variables name
 * are reached directly, since a cluster of them says itself where its members are.
 */
export async function startBackends(nodeIds: readonly string[]): Promise<Backends> {
  await using started = new AsyncDisposableStack();
  const mongo = started.use(await startMongoServer());
  const etcd = started.use(await startEtcdServer());
  const paths = new Map<string, BackendProxy>();
  const addPaths = async (backend: Backend, address: string): Promise<void> => {
    for (const nodeId of nodeIds)
      paths.set(`${nodeId} ${backend}`, started.use(await startBackendProxy(address)));
  };
  if (mongo.process !== undefined) await addPaths("store", new URL(mongo.url).host);
  if (etcd.process !== undefined) await addPaths("coordinator", etcd.address);
  const name = `parley-test-${randomUUID().slice(0, 13)}`;
  const running = started.move();
  return {
    mongo,
    etcd,
    pathOf: (nodeId, backend) => {
      const found = paths.get(`${nodeId} ${backend}`);
      if (found === undefined) throw new Error(`${nodeId} has no way of its own to the ${backend}`);
      return found;
    },
    flagsOf: (nodeId) => {
      const store = paths.get(`${nodeId} store`);
      const coordinator = paths.get(`${nodeId} coordinator`);
      return [
        ["--store-url", store === undefined ? mongo.urlOf(name) : `mongodb://${store.address}/${name}`],
        ["--store-allow-unsafe", "true"],
        [
          "--coordinator-url",
          `${coordinator === undefined ? etcd.url : `etcd://${coordinator.address}`}/${name}`,
        ],
      ].flat();
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
