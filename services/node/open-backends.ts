import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import type { EtcdTls } from "../mesh/coordinator/etcd-connection.ts";
import type { EtcdTarget, EtcdTlsFiles } from "../mesh/coordinator/etcd-url.ts";
import { openSqliteCoordinator } from "../mesh/coordinator/sqlite.ts";
import type { Coordinator } from "../mesh/coordinator.ts";
import { UnusableDatabase } from "../sqlite/failures.ts";
import { UnusableMongo } from "../store/mongo/unusable-mongo.ts";
import { openSqliteStore } from "../store/sqlite/open.ts";
import { type CoordinatorTarget, coordinatorTarget, storeTarget } from "./backend-urls.ts";
import type { NodeConfig } from "./config.ts";
import type { NodeStore } from "./node-core.ts";

/** What backends are opened with. */
export interface BackendOptions {
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A store that is open. */
export interface OpenedStore {
  readonly store: NodeStore & { stop(): Promise<void> };
  /** For people: which product, its version, and where it is; without secrets. */
  readonly description: string;
}

/** A coordinator that is open. */
export interface OpenedCoordinator {
  readonly coordinator: Coordinator;
  /** As of a store. */
  readonly description: string;
}

/** Opens what `store.url` names. Throws UnusableDatabase and UnusableMongo. */
export async function openStore(options: Omit<BackendOptions, "rng">): Promise<OpenedStore> {
  const { config, clock, logger, metrics } = options;
  const target = storeTarget(config);
  if (target.kind === "sqlite") {
    const store = await openSqliteStore({ directory: target.directory, clock, logger, metrics });
    return { store, description: `SQLite ${process.versions["sqlite"]} in ${target.directory}` };
  }
  // Its driver takes a while to load, and so does that of etcd: only who has them waits for that.
  const { openMongoStore } = await import("../store/mongo/open.ts");
  const store = await openMongoStore({
    url: target.url,
    password: config["store.password"],
    allowUnsafe: config["store.allowUnsafe"],
    clock,
    logger,
    metrics,
  });
  return { store, description: `MongoDB ${store.version} at ${target.url}` };
}

/** Opens what `coordinator.url` names. Throws UnusableDatabase; an etcd that is away is no failure yet. */
export async function openCoordinator(options: BackendOptions): Promise<OpenedCoordinator> {
  const { config, clock, rng, logger, metrics } = options;
  const target = coordinatorTarget(config);
  if (target.kind === "etcd") return openEtcd(target, options);
  const { file } = target;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const coordinator = await openSqliteCoordinator({ path: file, clock, rng, logger, metrics });
  return { coordinator, description: `SQLite ${process.versions["sqlite"]} in ${file}` };
}

async function openEtcd(
  { url, etcd }: Extract<CoordinatorTarget, { kind: "etcd" }>,
  options: BackendOptions,
): Promise<OpenedCoordinator> {
  const { createEtcdCoordinator } = await import("../mesh/coordinator/etcd.ts");
  const coordinator = createEtcdCoordinator({ ...options, ...etcdConnection(etcd, options.config) });
  const version = await coordinator.serverVersion().catch(() => "that does not answer yet");
  return { coordinator, description: `etcd ${version ?? "of an unknown version"} at ${url}` };
}

/** Whom to talk to and as whom. Throws when a file cannot be read. */
export function etcdConnection(etcd: EtcdTarget, config: NodeConfig) {
  const { endpoints, prefix, tls, user } = etcd;
  const password = config["coordinator.password"];
  const auth = user !== undefined && password !== undefined ? { user, password } : undefined;
  return { endpoints, prefix, auth, tls: tls && readTls(tls) };
}

function readTls({ caFile, certificateFile, keyFile }: EtcdTlsFiles): EtcdTls {
  const read = (file: string | undefined): Buffer | undefined =>
    file === undefined ? undefined : readFileSync(file);
  const [certificate, key] = [read(certificateFile), read(keyFile)];
  return { ca: read(caFile), client: certificate && key && { certificate, key } };
}

/** Whether opening a store failed for a reason that its message explains. */
export function isUnusableStore(thrown: unknown): thrown is UnusableDatabase | UnusableMongo {
  return thrown instanceof UnusableDatabase || thrown instanceof UnusableMongo;
}
