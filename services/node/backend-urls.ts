import { join } from "node:path";
import { thrownError } from "../kernel/thrown-error.ts";
import { type EtcdTarget, parseEtcdUrl } from "../mesh/coordinator/etcd-url.ts";

/** What `store.url` may look like. */
export const storeUrlPattern = /^(?:sqlite:|mongodb(?:\+srv)?:\/\/)./;

/** What `coordinator.url` may look like. */
export const coordinatorUrlPattern = /^(?:sqlite:|etcds?:\/\/)./;

/** The settings that say where the backends are. */
export interface BackendSettings {
  readonly "store.url": string;
  readonly "coordinator.url"?: string | undefined;
  readonly "coordinator.password"?: string | undefined;
}

/** Where everything durable is kept. */
export type StoreTarget =
  | { readonly kind: "sqlite"; readonly directory: string }
  | { readonly kind: "mongodb"; readonly url: string };

/** Where nodes find one another. */
export type CoordinatorTarget =
  | { readonly kind: "sqlite"; readonly file: string }
  | { readonly kind: "etcd"; readonly url: string; readonly etcd: EtcdTarget };

const sqliteScheme = "sqlite:";

/** Reads `store.url`. */
export function storeTarget({ "store.url": url }: BackendSettings): StoreTarget {
  return url.startsWith(sqliteScheme)
    ? { kind: "sqlite", directory: url.slice(sqliteScheme.length) }
    : { kind: "mongodb", url };
}

/** Reads `coordinator.url`; unset, it is the directory of the store. Throws an error for people when it is none of etcd. */
export function coordinatorTarget(settings: BackendSettings): CoordinatorTarget {
  const url = settings["coordinator.url"] ?? settings["store.url"];
  if (!url.startsWith(sqliteScheme)) return { kind: "etcd", url, etcd: parseEtcdUrl(url) };
  return { kind: "sqlite", file: clusterFile(url.slice(sqliteScheme.length)) };
}

/** By which nodes that share a directory find one another. */
export function clusterFile(directory: string): string {
  return join(directory, "cluster.db");
}

/** What is wrong with the settings together, without the values of any that may hold a secret. */
export function backendProblem(settings: BackendSettings): string | undefined {
  const { "store.url": url, "coordinator.url": coordinator } = settings;
  if (hasPassword(url)) {
    return "store.url has a password in it: name only the user there, and set PARLEY_STORE_PASSWORD or PARLEY_STORE_PASSWORD_FILE";
  }
  const secret = /[?&](?<name>tlsCertificateKeyFilePassword|authMechanismProperties)=/i.exec(url)?.groups?.[
    "name"
  ];
  if (secret !== undefined) return `store.url has ${secret} in it, which is a secret: it is not supported`;
  if (storeTarget(settings).kind === "mongodb" && coordinator === undefined) {
    return "coordinator.url must be set where store.url is MongoDB: nodes do not find one another through the store";
  }
  if (coordinator !== undefined && hasPassword(coordinator)) {
    return "coordinator.url has a password in it: name only the user there, and set PARLEY_COORDINATOR_PASSWORD or PARLEY_COORDINATOR_PASSWORD_FILE";
  }
  try {
    const target = coordinatorTarget(settings);
    const user = target.kind === "etcd" ? target.etcd.user : undefined;
    return user === undefined || settings["coordinator.password"] !== undefined
      ? undefined
      : `coordinator.url names the user ${user}: set PARLEY_COORDINATOR_PASSWORD or PARLEY_COORDINATOR_PASSWORD_FILE`;
  } catch (error) {
    return `coordinator.url cannot be used: ${thrownError(error).message}`;
  }
}

function hasPassword(url: string): boolean {
  return /^[^:]+:\/\/[^/?@]*:[^/?]*@/.test(url);
}
