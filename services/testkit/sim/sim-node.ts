import type { Logger } from "../../kernel/logger.ts";
import { thrownError } from "../../kernel/thrown-error.ts";
import type { CoreLimits, NodeCore, NodeCoreOptions } from "../../node/node-core.ts";
import { createErrorMapper } from "../../rpc/error-mapper.ts";
import type { ValidateMessage } from "../../rpc/message-validator.ts";
import { parseCallerToken } from "./caller-token.ts";
import type { SimCoordinators } from "./sim-coordinator.ts";
import { serveEdge } from "./sim-edge.ts";
import type { SimHost } from "./sim-host.ts";
import type { SimJournal } from "./sim-journal.ts";
import type { SimMetrics } from "./sim-metrics.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimScheduler } from "./sim-scheduler.ts";
import type { SimStore } from "./sim-store.ts";

export const edgePort = 7_080;
export const meshPort = 7_081;

/** A node that could not start is started again after this long, in virtual milliseconds. */
const restartMs = 1_000;

/** How long a drain may take, in milliseconds. */
const drainMsMax = 5_000;

/** What the nodes of a simulation share. */
export interface SimWorld {
  readonly scheduler: SimScheduler;
  readonly network: SimNetwork;
  readonly store: SimStore;
  readonly coordinators: SimCoordinators;
  readonly journal: SimJournal;
  readonly metrics: SimMetrics;
  readonly logger: (process: SimProcess) => Logger;
  readonly validateMessage: ValidateMessage;
  readonly limits: CoreLimits;
  /** Production's `createNodeCore`, or one with a planted defect. */
  readonly createCore: (options: NodeCoreOptions) => Promise<NodeCore>;
}

/** One node, over all of its lives: the production core on simulated ports. */
export class SimNode {
  readonly host: SimHost;
  readonly #world: SimWorld;
  #core: NodeCore | undefined;
  /** What its people want: a node that is wanted is started whenever it is not there. */
  #isWanted = false;

  constructor(world: SimWorld, host: SimHost) {
    this.#world = world;
    this.host = host;
  }

  /** Where clients reach it. */
  get address(): string {
    return `${this.host.name}:${edgePort}`;
  }

  /** The running core; undefined while the node starts or is down. */
  get core(): NodeCore | undefined {
    return this.#core;
  }

  /** Starts it, again and again until it runs. */
  start(): void {
    this.#isWanted = true;
    if (this.host.process === undefined) void this.#boot(this.host.boot());
  }

  /** Kills it; with its machine when `isSilent`. It stays down until `start`. */
  kill(isSilent: boolean): void {
    this.#isWanted = false;
    this.#down(isSilent);
  }

  freeze(): void {
    const { process } = this.host;
    if (process === undefined || process.isFrozen) return;
    this.host.freeze();
    this.#world.network.frozen(process);
    this.#world.store.frozen(process);
  }

  thaw(): void {
    this.host.thaw();
  }

  /** Ends it as SIGTERM does. Resolves when the process is gone, or never when it dies before. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    const core = this.#core;
    if (core !== undefined) {
      await core.drain();
      await core.stop();
    }
    this.#down(false);
    // Wanted again while it was ending.
    if (this.#isWanted) this.start();
  }

  #down(isSilent: boolean): void {
    this.#core = undefined;
    this.host.crash({ isSilent });
  }

  async #boot(process: SimProcess): Promise<void> {
    const { scheduler, network, journal, validateMessage } = this.#world;
    const metrics = this.#world.metrics.of(process.name);
    const logger = this.#world.logger(process);
    const errors = createErrorMapper({
      rng: process.rng,
      logger,
      metrics,
      onBug: (error) => journal.complain(`${process.name} met a bug: ${thrownError(error).stack ?? ""}`),
    });
    const failureOf: NodeCoreOptions["failureOf"] = (error, where) => errors.failureOf(error, where);
    try {
      const core = await this.#world.createCore(this.#coreOptions(process, { logger, metrics, failureOf }));
      await core.start();
      this.#core = core;
      core.membership.update({ publicUrls: [`http://${this.address}`] });
      const endpoint = network.endpoint(process, edgePort);
      await serveEdge({
        endpoint,
        registry: core.sessions.registry,
        messages: core.messages,
        validateMessage,
        failureOf,
      });
    } catch (error) {
      scheduler.note(`${process.name} did not start: ${thrownError(error).message}`);
      // Of another turn, since a process does not end itself in the middle of its work.
      scheduler.after(0, `${process.name} exits`, () => this.#startAgain(process));
    }
  }

  #startAgain(process: SimProcess): void {
    if (this.host.process !== process) return;
    this.#down(false);
    this.#world.scheduler.after(restartMs, `${process.name} restart`, () => {
      if (this.#isWanted) this.start();
    });
  }

  #coreOptions(
    process: SimProcess,
    told: Pick<NodeCoreOptions, "logger" | "metrics" | "failureOf">,
  ): NodeCoreOptions {
    const { network, store, coordinators, validateMessage, limits } = this.#world;
    return {
      ...told,
      node: { nodeId: process.name, roles: ["session", "owner", "worker"], version: "0.0.0" },
      limits,
      store: store.view(process),
      coordinator: coordinators.open(process),
      transport: network.endpoint(process, meshPort),
      clock: process.clock,
      rng: process.rng,
      tokens: { verify: async (token) => parseCallerToken(token) },
      validateMessage,
      drainMsMax,
    };
  }
}
