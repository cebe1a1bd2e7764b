import type { CallOptions, ChannelOptions } from "@grpc/grpc-js";
import {
  castGrpcError,
  type Etcd3,
  GRPCDeadlineExceededError,
  GRPCInternalError,
  isRecoverableError,
} from "etcd3";
import type { Clock } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { Metrics } from "../../kernel/metrics.ts";
import type { Rng } from "../../kernel/rng.ts";
import { thrownError } from "../../kernel/thrown-error.ts";
import { EtcdClient } from "./etcd-client.ts";
import { etcdLimits, watchRetry } from "./etcd-limits.ts";
import { type EtcdAuth, EtcdToken, isTokenRefused, sendMetadata } from "./etcd-token.ts";

/** What TLS to etcd is made of, in PEM. */
export interface EtcdTls {
  /** What the server's certificate has to be signed with; unset, the roots that Node.js trusts. */
  readonly ca?: Buffer | undefined;
  /** The certificate that this client shows, with its key; only together with `ca`. */
  readonly client?: { readonly certificate: Buffer; readonly key: Buffer } | undefined;
}

export interface EtcdConnectionOptions {
  /** `host:port` each, at least one. */
  readonly endpoints: readonly string[];
  /** Unset for cleartext. */
  readonly tls?: EtcdTls | undefined;
  /** Unset when etcd does not ask who its clients are. */
  readonly auth?: EtcdAuth | undefined;
  /** The real one: etcd lives in real time. */
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A request that failed. `refused`: etcd said so and did nothing. `unanswered`: nobody knows whether it was done. */
export class EtcdFailure extends Error {
  override readonly name = "EtcdFailure";
  readonly kind: "refused" | "unanswered";

  constructor(endpoint: string, thrown: unknown) {
    const cause = castGrpcError(thrownError(thrown));
    const isRefused = !isRecoverableError(cause) && !(cause instanceof GRPCInternalError);
    super(`etcd at ${endpoint} ${isRefused ? "refused a request" : "did not answer"}: ${cause.message}`, {
      cause,
    });
    this.kind = isRefused ? "refused" : "unanswered";
  }
}

/** Sends one request, with the options that it has to be sent with. */
export type SendToEtcd<T> = (client: Etcd3, options: CallOptions) => Promise<T>;

/** A stream that stays. */
export interface OpenedStream<T> {
  readonly stream: T;
  /** It failed like this. */
  readonly failed: (thrown: unknown) => EtcdFailure;
}

/** With a cluster: without it a server that has lost the others would keep a watch open and silent. */
const requireLeader = { hasleader: "true" } as const;

const channelOptions: ChannelOptions = {
  "grpc.keepalive_time_ms": etcdLimits.keepaliveMs,
  "grpc.keepalive_timeout_ms": etcdLimits.keepaliveAnswerMs,
  "grpc.max_receive_message_length": etcdLimits.answerBytesMax,
  "grpc.initial_reconnect_backoff_ms": watchRetry.baseMs,
  "grpc.max_reconnect_backoff_ms": watchRetry.maxMs,
  "grpc.enable_retries": 0,
  // A channel that replaces one that is stuck gets a connection of its own.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
};

/** Does what it is told once. etcd3 would repeat what failed, transactions too. */
class NoPolicy {
  declare readonly _altReturn: never;
  readonly onSuccess = noEvent;
  readonly onFailure = noEvent;

  async execute<T>(run: (context: { readonly signal: AbortSignal }) => PromiseLike<T> | T): Promise<T> {
    return run({ signal: new AbortController().signal });
  }
}

function noEvent(): { dispose(): void } {
  return { dispose: () => undefined };
}

/**
 * The servers of one etcd, one of which is asked until it fails to answer; then the next one is. Requests are sent once and
 * have a deadline. After one that was not answered the client of that server is replaced: its channels may be stuck, and
 * etcd3 closes some of them a second later, with what is sent on them meanwhile.
 */
export class EtcdConnection {
  readonly #options: EtcdConnectionOptions;
  readonly #clients: EtcdClient[];
  readonly #token = new EtcdToken();
  readonly #measure: Measure;
  #at: number;
  #isStopped = false;
  /** Called when a server did not answer: what is open there may be dead too. */
  onUnanswered: () => void = () => undefined;

  constructor(options: EtcdConnectionOptions) {
    this.#options = options;
    this.#clients = options.endpoints.map((endpoint) => createClient(endpoint, options.tls));
    this.#at = Math.floor(options.rng.fraction() * this.#clients.length);
    this.#measure = createMeasure(options.metrics);
  }

  /** Sends a request that ends at `endMs` of the monotonic clock, or earlier. Rejects with EtcdFailure. */
  request<T>(kind: string, endMs: number, send: SendToEtcd<T>): Promise<T> {
    return this.#attempt(kind, (client) =>
      this.#authorized(client, (fields) => send(client, this.#callOptions(endMs, fields))),
    );
  }

  /** Opens a stream that stays. Rejects with EtcdFailure. */
  async open<T>(kind: string, send: SendToEtcd<T>): Promise<OpenedStream<T>> {
    const at = this.#at;
    const client = this.#clients[at];
    const stream = await this.#attempt(kind, (asked) =>
      this.#authorized(asked, (fields) =>
        send(asked, { interceptors: [sendMetadata({ ...fields, ...requireLeader })] }),
      ),
    );
    const failed = (thrown: unknown): EtcdFailure => {
      if (thrown instanceof GRPCDeadlineExceededError) this.#replace(at, client);
      return this.#failed(at, new EtcdFailure(this.#endpoint(at), thrown));
    };
    return { stream, failed };
  }

  /** Closes all connections; what is under way fails. */
  stop(): void {
    this.#isStopped = true;
    for (const client of this.#clients) client.close();
  }

  async #attempt<T>(kind: string, run: (client: Etcd3) => Promise<T>): Promise<T> {
    const [at, startMs] = [this.#at, this.#options.clock.monotonicMs()];
    const client = this.#clients[at];
    if (client === undefined) throw new Error("etcd has no endpoints");
    try {
      return await run(client);
    } catch (thrown) {
      const failure = this.#failed(at, new EtcdFailure(this.#endpoint(at), thrown));
      if (failure.kind === "unanswered") this.#replace(at, client);
      throw failure;
    } finally {
      this.#measure.answered(kind, (this.#options.clock.monotonicMs() - startMs) / 1_000);
    }
  }

  #failed(at: number, failure: EtcdFailure): EtcdFailure {
    this.#measure.failed(failure);
    if (isTokenRefused(failure.message)) this.#token.drop();
    if (failure.kind === "refused" || at !== this.#at) return failure;
    this.#at = (at + 1) % this.#clients.length;
    this.#options.logger.debug("etcd did not answer", { error: failure, next: this.#endpoint(this.#at) });
    this.onUnanswered();
    return failure;
  }

  /** Replaces a client, unless another request has done so already. */
  #replace(at: number, client: EtcdClient | undefined): void {
    if (client === undefined || this.#isStopped || this.#clients[at] !== client) return;
    client.close();
    this.#clients[at] = createClient(this.#endpoint(at), this.#options.tls);
  }

  #endpoint(at: number): string {
    return this.#options.endpoints[at] ?? "";
  }

  /** A request whose token was refused did nothing, so it is sent once more with a new one. */
  async #authorized<T>(
    client: Etcd3,
    send: (fields: Readonly<Record<string, string>>) => Promise<T>,
  ): Promise<T> {
    const { auth } = this.#options;
    if (auth === undefined) return send({});
    const request = (): Promise<string> => this.#requestToken(client, auth);
    try {
      return await send({ token: await this.#token.get(request) });
    } catch (thrown) {
      if (!isTokenRefused(thrownError(thrown).message)) throw thrown;
      this.#token.drop();
      return send({ token: await this.#token.get(request) });
    }
  }

  async #requestToken(client: Etcd3, auth: EtcdAuth): Promise<string> {
    const endMs = this.#options.clock.monotonicMs() + etcdLimits.requestMsMax;
    const request = { name: auth.user, password: auth.password };
    return (await client.auth.authenticate(request, this.#callOptions(endMs, {}))).token;
  }

  #callOptions(endMs: number, fields: Readonly<Record<string, string>>): CallOptions {
    const { clock } = this.#options;
    const leftMs = Math.min(etcdLimits.requestMsMax, endMs - clock.monotonicMs());
    return { deadline: clock.wallMs() + Math.max(0, leftMs), interceptors: [sendMetadata(fields)] };
  }
}

function createClient(endpoint: string, tls: EtcdTls | undefined): EtcdClient {
  const policy = new NoPolicy();
  return new EtcdClient({
    hosts: `${tls === undefined ? "http" : "https"}://${endpoint}`,
    grpcOptions: channelOptions,
    faultHandling: { global: policy, host: () => policy },
    ...(tls?.ca && {
      credentials: {
        rootCertificate: tls.ca,
        ...(tls.client && { certChain: tls.client.certificate, privateKey: tls.client.key }),
      },
    }),
  });
}

interface Measure {
  answered(kind: string, seconds: number): void;
  failed(failure: EtcdFailure): void;
}

function createMeasure(metrics: Metrics): Measure {
  const seconds = metrics.histogram(
    "etcd_request_seconds",
    "Time of a request to etcd, failed ones included, by kind",
    [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
    ["kind"],
  );
  const failures = metrics.counter("etcd_failures_total", "Requests to etcd that failed, by kind", ["kind"]);
  return {
    answered: (kind, time) => seconds.observe(time, { kind }),
    failed: ({ kind }) => failures.add(1, { kind }),
  };
}
