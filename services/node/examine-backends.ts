import type { Clock } from "../kernel/clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { answerWithin } from "../mesh/answer-within.ts";
import type { NodeRecord } from "../mesh/node-record.ts";
import type { MongoExamination } from "../store/mongo/examine.ts";
import { coordinatorTarget, storeTarget } from "./backend-urls.ts";
import type { NodeConfig } from "./config.ts";
import { etcdConnection } from "./open-backends.ts";

/** What a look at the servers of some settings takes. */
export interface ExamineOptions {
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** One server of an etcd. `version` is undefined when it answers, but does not tell this user. */
export type EtcdExamination =
  | { readonly endpoint: string; readonly kind: "answered"; readonly version: string | undefined }
  | { readonly endpoint: string; readonly kind: "silent"; readonly reason: string };

/** The servers that settings name, as they were found from here; undefined where they name none. No secrets. */
export interface BackendExamination {
  readonly store: MongoExamination | undefined;
  /** The settings take a MongoDB in which a majority is one server. */
  readonly allowsUnsafe: boolean;
  readonly coordinator: readonly EtcdExamination[] | undefined;
  /** The nodes that etcd lists; undefined, too, where it does not answer. */
  readonly registered: readonly NodeRecord[] | undefined;
}

/** One etcd server has this long to answer, in milliseconds. */
const etcdMsMax = 5_000;

const silent = { logger: silentLogger, metrics: silentMetrics };

/** Looks at the servers that settings name. Writes nothing, ends within ten seconds, and does not reject. */
export async function examineBackends(options: ExamineOptions): Promise<BackendExamination> {
  const [store, coordinator] = await Promise.all([examineStore(options), examineCoordinator(options)]);
  return { store, ...coordinator, allowsUnsafe: options.config["store.allowUnsafe"] };
}

async function examineStore({ config, clock }: ExamineOptions): Promise<MongoExamination | undefined> {
  const target = storeTarget(config);
  if (target.kind === "sqlite") return undefined;
  const { examineMongo } = await import("../store/mongo/examine.ts");
  return examineMongo({ url: target.url, password: config["store.password"], clock });
}

async function examineCoordinator(
  options: ExamineOptions,
): Promise<Pick<BackendExamination, "coordinator" | "registered">> {
  const { config, clock } = options;
  const target = coordinatorTarget(config);
  if (target.kind === "sqlite") return { coordinator: undefined, registered: undefined };
  const { createEtcdCoordinator, readEtcdVersion } = await import("../mesh/coordinator/etcd.ts");
  const look = async (endpoint: string): Promise<EtcdExamination> => {
    try {
      const connection = etcdConnection(target.etcd, config);
      const asked = readEtcdVersion({ ...options, ...silent, ...connection, endpoints: [endpoint] });
      const version = await answerWithin(asked, { clock, limitMs: etcdMsMax });
      return { endpoint, kind: "answered", version };
    } catch (thrown) {
      return { endpoint, kind: "silent", reason: thrownError(thrown).message };
    }
  };
  const list = async (): Promise<readonly NodeRecord[] | undefined> => {
    try {
      const connection = etcdConnection(target.etcd, config);
      await using coordinator = createEtcdCoordinator({ ...options, ...silent, ...connection });
      return await coordinator.list();
    } catch {
      // Why it does not answer is told of its servers.
      return undefined;
    }
  };
  const [coordinator, registered] = await Promise.all([Promise.all(target.etcd.endpoints.map(look)), list()]);
  return { coordinator, registered };
}
