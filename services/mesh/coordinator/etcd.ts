import { EtcdPermissionDeniedError } from "etcd3";
import { answerWithin } from "../answer-within.ts";
import type { Coordinator, Registration } from "../coordinator.ts";
import type { NodeRecord } from "../node-record.ts";
import type { EpochMark } from "../ports.ts";
import { EtcdConnection, type EtcdConnectionOptions, EtcdFailure } from "./etcd-connection.ts";
import { etcdKeys, keysBelow } from "./etcd-keys.ts";
import { etcdLimits } from "./etcd-limits.ts";
import { raiseMarkInEtcd, readMarkInEtcd } from "./etcd-mark.ts";
import { registerInEtcd } from "./etcd-registration.ts";
import { EtcdWatch } from "./etcd-watch.ts";
import { ReadableRecords } from "./readable-records.ts";
import { Watchers } from "./watchers.ts";

export interface EtcdCoordinatorOptions extends EtcdConnectionOptions {
  /** What all keys begin with: a slash, then segments, without a slash at the end; see `parseEtcdUrl`. */
  readonly prefix: string;
}

/** A coordinator that can tell which etcd it talks to. */
export interface EtcdCoordinator extends Coordinator {
  /**
   * The version of the server that is asked now, as "3.6.6"; undefined when it answers, but tells this user nothing: where
   * etcd has users, only those with the role root may ask. Rejects, within `callMsMax`, when it does not answer.
   */
  serverVersion(): Promise<string | undefined>;
}

/**
 * A coordinator for processes that share an etcd. It connects in the background: while etcd is away calls reject, each within
 * `etcdLimits.callMsMax`.
 */
export function createEtcdCoordinator(options: EtcdCoordinatorOptions): EtcdCoordinator {
  return new LeasedCoordinator(options);
}

/** Asks an etcd for its version, as `serverVersion` does, and hangs up. */
export async function readEtcdVersion(options: EtcdConnectionOptions): Promise<string | undefined> {
  const connection = new EtcdConnection(options);
  try {
    return await askVersion(connection, options.clock.monotonicMs() + etcdLimits.callMsMax);
  } finally {
    connection.stop();
  }
}

/**
 * Nodes are keys under leases. Only etcd says when a lease has ended; this adapter prolongs one when it is asked to and
 * enters nothing by itself. A watch gives hints, also whenever it begins anew; what a list holds is read each time.
 */
class LeasedCoordinator implements EtcdCoordinator {
  readonly #options: EtcdCoordinatorOptions;
  readonly #connection: EtcdConnection;
  readonly #keys;
  readonly #watchers: Watchers;
  readonly #watch: EtcdWatch;
  readonly #records: ReadableRecords;
  readonly #lifetime = new AbortController();

  constructor(options: EtcdCoordinatorOptions) {
    this.#options = options;
    this.#keys = etcdKeys(options.prefix);
    this.#connection = new EtcdConnection(options);
    this.#watchers = new Watchers(options.clock);
    this.#records = new ReadableRecords(options.logger);
    const { clock, rng, logger, metrics } = options;
    this.#watch = new EtcdWatch({
      clock,
      rng,
      logger,
      metrics,
      connection: this.#connection,
      prefix: this.#keys.nodes,
      onHint: () => this.#watchers.hint(),
    });
    this.#connection.onUnanswered = () => this.#watch.reopen();
    this.#watch.start();
  }

  register(record: NodeRecord): Promise<Registration> {
    const call = <T>(run: (endMs: number) => Promise<T>): Promise<T> => this.#call(run);
    const parts = { connection: this.#connection, keys: this.#keys, call };
    return this.#call((endMs) => registerInEtcd(parts, record, endMs));
  }

  async list(): Promise<readonly NodeRecord[]> {
    const { nodes } = this.#keys;
    const { kvs } = await this.#call((endMs) =>
      this.#connection.request("list", endMs, (client, options) =>
        client.kv.range(keysBelow(nodes), options),
      ),
    );
    const rows = kvs.map(({ key, lease, value }) => {
      return { nodeId: key.toString().slice(nodes.length), incarnation: lease, record: value.toString() };
    });
    return this.#records.read(rows);
  }

  watch(onHint: () => void): () => void {
    return this.#watchers.add(onHint);
  }

  readMark(): Promise<EpochMark> {
    const place = { connection: this.#connection, key: this.#keys.mark };
    return this.#call((endMs) => readMarkInEtcd(place, endMs));
  }

  raiseMark(mark: EpochMark): Promise<void> {
    const place = { connection: this.#connection, key: this.#keys.mark };
    return this.#call((endMs) => raiseMarkInEtcd(place, mark, endMs));
  }

  serverVersion(): Promise<string | undefined> {
    return this.#call((endMs) => askVersion(this.#connection, endMs));
  }

  async stop(): Promise<void> {
    this.#lifetime.abort(new Error("the coordinator is stopped"));
    this.#watchers.clear();
    this.#watch.stop();
    this.#connection.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Whatever etcd does, or the library: a call ends by its limit, and when the coordinator is stopped. */
  async #call<T>(run: (endMs: number) => Promise<T>): Promise<T> {
    const { signal } = this.#lifetime;
    signal.throwIfAborted();
    const { clock } = this.#options;
    const limitMs = etcdLimits.callMsMax;
    return answerWithin(run(clock.monotonicMs() + limitMs), { clock, limitMs, signal });
  }
}

async function askVersion(connection: EtcdConnection, endMs: number): Promise<string | undefined> {
  try {
    const { version } = await connection.request("status", endMs, (client, options) =>
      client.maintenance.status(options),
    );
    return version;
  } catch (thrown) {
    if (thrown instanceof EtcdFailure && thrown.cause instanceof EtcdPermissionDeniedError) return undefined;
    throw thrown;
  }
}
