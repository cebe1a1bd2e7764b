import type { AccountDomain } from "../account/account-domain.ts";
import type { Clock } from "../kernel/clock.ts";
import { Lifecycle, type LifecyclePart } from "../kernel/lifecycle.ts";
import type { Logger } from "../kernel/logger.ts";
import { prometheusMetrics } from "../kernel/prometheus-metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import { createGrpcTransport } from "../mesh/grpc-transport.ts";
import type { Readiness } from "../rpc/admin-server.ts";
import { createErrorMapper } from "../rpc/error-mapper.ts";
import { createMessageValidator } from "../rpc/message-validator.ts";
import { administrationOf } from "./admin/administration-of.ts";
import type { NodeConfig } from "./config.ts";
import { createDomains, type Domains } from "./domains.ts";
import { createListeners, type Listeners, serviceNames } from "./listeners.ts";
import { type NodeCertificates, openNodeCertificates } from "./node-certificates.ts";
import type { NodeIdentity } from "./node-core.ts";
import { nodeIdentity } from "./node-identity.ts";
import { type OpenedCoordinator, type OpenedStore, openCoordinator, openStore } from "./open-backends.ts";

/** What a node is made from. */
export interface NodeOptions {
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  /** Called with every unexpected error; for tests. */
  readonly onBug?: (error: unknown) => void;
  /** Called with every status that breaks the contract; for tests. */
  readonly onNonConformity?: (violation: string) => void;
}

/** Base URLs of a node's listeners. */
export interface NodeAddresses {
  readonly public: string;
  /** Null without a certificate. */
  readonly tls: string | null;
  readonly admin: string;
  /** For other nodes: `host:port`. */
  readonly mesh: string;
}

/** What a node keeps its data in, and how it finds the others: product, version and place, for people. */
export interface NodeBackends {
  readonly store: string;
  readonly coordinator: string;
}

/** A running node. */
export interface ParleyNode extends AsyncDisposable {
  readonly addresses: NodeAddresses;
  readonly backends: NodeBackends;
  /** Services of the contract, by their full names. */
  readonly serves: readonly string[];
  /** For demo users and tests. */
  readonly accounts: AccountDomain;
  /** Drains, then stops. Resolves to the names of the parts that failed or were late. May be called again. */
  stop(): Promise<readonly string[]>;
}

const startMsMax = 60_000;
const stopMsMax = 10_000;

/** Starts a node; resolves when it is ready. When it rejects, everything that had started is stopped again. */
export async function createNode(options: NodeOptions): Promise<ParleyNode> {
  const assembly = new NodeAssembly(options);
  const lifecycle = new Lifecycle({
    clock: options.clock,
    logger: options.logger,
    parts: assembly.parts(),
    deadlines: { startMs: startMsMax, drainMs: options.config["drain.deadlineMs"], stopMs: stopMsMax },
  });
  await lifecycle.start();
  const { accounts } = assembly.domains;
  const stop = async (): Promise<readonly string[]> => {
    await lifecycle.drain();
    return (await lifecycle.stop()).map(({ part }) => part);
  };
  return {
    addresses: assembly.addresses,
    backends: assembly.backends,
    serves: serviceNames,
    accounts,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

/** The parts of one node while it is put together: each exists once the part before it has started. */
class NodeAssembly {
  readonly #options: NodeOptions;
  readonly #identity: NodeIdentity;
  readonly #metrics = prometheusMetrics({ processMetrics: true });
  #store: OpenedStore | undefined;
  #coordinator: OpenedCoordinator | undefined;
  #certificates: NodeCertificates | undefined;
  #domains: Domains | undefined;
  #listeners: Listeners | undefined;
  #addresses: NodeAddresses | undefined;
  #readiness: Readiness = { ready: false, reason: "starting" };

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#identity = nodeIdentity(options.config, options.rng);
  }

  get domains(): Domains {
    return started(this.#domains, "domains");
  }

  get addresses(): NodeAddresses {
    return started(this.#addresses, "listeners");
  }

  get backends(): NodeBackends {
    return {
      store: started(this.#store, "store").description,
      coordinator: started(this.#coordinator, "coordinator").description,
    };
  }

  /** In the order of start: what is drained last is started first. */
  parts(): LifecyclePart[] {
    return [
      { name: "store", start: () => this.#openStore(), stop: () => this.#store?.store.stop() },
      {
        name: "coordinator",
        start: () => this.#openCoordinator(),
        stop: () => this.#coordinator?.coordinator.stop(),
      },
      { name: "certificates", start: () => this.#openCertificates(), stop: () => this.#certificates?.stop() },
      { name: "domains", start: () => this.#createDomains() },
      {
        name: "core",
        start: () => this.domains.core.start(),
        drain: () => this.domains.core.drain(),
        stop: () => this.#stopCore(),
      },
      { name: "listeners", start: () => this.#listen(), stop: () => this.#stopListening() },
      { name: "readiness", start: () => this.#ready(), drain: () => this.#notReady() },
    ];
  }

  async #openStore(): Promise<void> {
    this.#store = await openStore({ ...this.#options, metrics: this.#metrics });
  }

  async #openCoordinator(): Promise<void> {
    this.#coordinator = await openCoordinator({ ...this.#options, metrics: this.#metrics });
  }

  async #openCertificates(): Promise<void> {
    const { nodeId } = this.#identity;
    this.#certificates = await openNodeCertificates({ ...this.#options, nodeId, metrics: this.#metrics });
  }

  async #createDomains(): Promise<void> {
    const { config, clock, rng, logger, onBug, onNonConformity } = this.#options;
    const metrics = this.#metrics;
    const errors = createErrorMapper({ rng, logger, metrics, ...(onBug && { onBug }) });
    const shared = { config, clock, rng, logger, metrics, errors, validateMessage: createMessageValidator() };
    const certificates = started(this.#certificates, "certificates");
    const transport = createGrpcTransport({
      ...shared,
      host: config["mesh.host"],
      port: config["mesh.port"],
      identity: certificates.mesh,
    });
    const domains = await createDomains({
      ...shared,
      node: this.#identity,
      store: started(this.#store, "store").store,
      coordinator: started(this.#coordinator, "coordinator").coordinator,
      transport,
    });
    this.#domains = domains;
    this.#listeners = createListeners({
      ...shared,
      domains,
      tlsIdentity: certificates.tls,
      administration: administrationOf(domains, {
        drained: () => (this.#readiness = { ready: false, reason: "draining" }),
        undrained: () => (this.#readiness = { ready: true }),
      }),
      readiness: () => this.#readinessNow(),
      ...(onNonConformity && { onNonConformity }),
    });
    certificates.start({ mesh: transport, tls: this.#listeners.tls });
  }

  #readinessNow(): Readiness {
    if (!this.#readiness.ready || this.#domains === undefined) return this.#readiness;
    const { membership } = this.domains.core;
    const reason = `conflict: another process runs under the node id ${membership.self().nodeId}`;
    return membership.conflict ? { ready: false, reason } : this.#readiness;
  }

  async #stopCore(): Promise<void> {
    const failures = await this.domains.core.stop();
    if (failures.length > 0)
      throw new Error(`${failures.map(({ part }) => part).join(", ")} did not stop in time`);
  }

  async #listen(): Promise<void> {
    const { cleartext, tls, admin } = started(this.#listeners, "domains");
    // The admin listener first: whoever watches the start sees /readyz say why it is not ready yet.
    const adminAddress = await admin.listen();
    const [publicAddress, tlsAddress] = await Promise.all([cleartext.listen(), tls?.listen()]);
    this.#addresses = {
      public: urlOf("http", publicAddress),
      tls: tlsAddress === undefined ? null : urlOf("https", tlsAddress),
      admin: urlOf("http", adminAddress),
      mesh: this.domains.core.membership.self().meshAddress,
    };
  }

  #ready(): void {
    this.#readiness = { ready: true };
    // From now on the others may name this node to clients.
    this.domains.core.membership.update({ publicUrls: this.#publicUrls(), adminUrl: this.addresses.admin });
    this.#options.logger.info("ready", { ...this.addresses, tls: this.addresses.tls ?? "off" });
  }

  #notReady(): void {
    this.#readiness = { ready: false, reason: "draining" };
    // The listeners stay open: Poll and Submit of devices that are still here may come over new connections.
    started(this.#listeners, "domains").health.drain();
  }

  async #stopListening(): Promise<void> {
    const { cleartext, tls, admin } = started(this.#listeners, "domains");
    await Promise.all([cleartext.stop(), tls?.stop(), admin.stop()]);
  }

  #publicUrls(): readonly string[] {
    const configured = this.#options.config["public.url"];
    if (configured !== undefined) return [configured];
    const { public: cleartext, tls } = this.addresses;
    return tls === null ? [cleartext] : [tls, cleartext];
  }
}

function started<T>(part: T | undefined, name: string): T {
  if (part === undefined) throw new Error(`the ${name} of this node have not started`);
  return part;
}

function urlOf(scheme: string, { host, port }: { readonly host: string; readonly port: number }): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
