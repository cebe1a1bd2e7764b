import { encodeId } from "../../kernel/id-text.ts";
import type { CoreLimits } from "../../node/node-core.ts";
import type { ValidateMessage } from "../../rpc/message-validator.ts";
import type { SeededRng } from "../seeded-rng.ts";
import { callerOfDevice } from "./caller-token.ts";
import type { DeviceHabits } from "./device-habits.ts";
import { EdgeClient } from "./edge-client.ts";
import { type CoordinatorPlan, SimCoordinators } from "./sim-coordinator.ts";
import { SimDevice } from "./sim-device.ts";
import { SimHost } from "./sim-host.ts";
import { SimJournal } from "./sim-journal.ts";
import { SimLog } from "./sim-log.ts";
import { SimMetrics } from "./sim-metrics.ts";
import { type NetworkPlan, SimNetwork } from "./sim-network.ts";
import { SimNode, type SimWorld } from "./sim-node.ts";
import { SimPerson } from "./sim-person.ts";
import { SimScheduler } from "./sim-scheduler.ts";
import { SimStore } from "./sim-store.ts";
import type { StorePlan } from "./sim-store-core.ts";

/** What a simulated cluster is made from. */
export interface SimClusterOptions {
  readonly rng: SeededRng;
  readonly nodes: number;
  readonly network: NetworkPlan;
  readonly store: StorePlan;
  readonly coordinator: CoordinatorPlan;
  readonly limits: CoreLimits;
  readonly validateMessage: ValidateMessage;
  readonly createCore: SimWorld["createCore"];
}

/** A device with the person who works at it. */
export interface SimClient {
  readonly host: SimHost;
  readonly device: SimDevice;
  readonly person: SimPerson;
}

/** Several nodes, their surroundings, and clients, in virtual time. */
export class SimCluster {
  readonly scheduler: SimScheduler;
  readonly network: SimNetwork;
  readonly store: SimStore;
  readonly coordinators: SimCoordinators;
  readonly journal: SimJournal;
  readonly metrics = new SimMetrics();
  readonly log = new SimLog();
  readonly nodes: readonly SimNode[];
  readonly clients: SimClient[] = [];
  readonly #rng: SeededRng;

  constructor(options: SimClusterOptions) {
    this.#rng = options.rng;
    this.scheduler = new SimScheduler(options.rng.fork());
    this.network = new SimNetwork(this.scheduler, options.rng.fork(), options.network);
    this.store = new SimStore(this.scheduler, options.rng.fork(), options.store);
    this.coordinators = new SimCoordinators(this.scheduler, options.rng.fork(), options.coordinator);
    this.journal = new SimJournal(this.scheduler);
    const { scheduler, network, store, coordinators, journal, metrics } = this;
    const { validateMessage, limits, createCore } = options;
    const world: SimWorld = {
      scheduler,
      network,
      store,
      coordinators,
      journal,
      metrics,
      validateMessage,
      limits,
      createCore,
      logger: (process) => this.log.loggerOf(process),
    };
    this.nodes = Array.from(
      { length: options.nodes },
      (_, index) => new SimNode(world, new SimHost(this.scheduler, `n${index + 1}`, options.rng.fork())),
    );
  }

  /** Where clients may go. */
  readonly addresses = (): readonly string[] => this.nodes.map(({ address }) => address);

  /** Creates an account, as a registration would have. Its id has the number in it. */
  async createAccount(number: number): Promise<string> {
    const accountId = encodeId(BigInt(number));
    const handle = `user${number}`;
    await this.store.collections.accounts.insert({
      accountId,
      handle,
      displayName: handle,
      passwordHash: "",
      version: 1n,
      createTimeMs: 0,
      requestId: handle,
    });
    return accountId;
  }

  /** Adds a device with its person, on a machine of its own. It does nothing yet. */
  addClient(options: {
    readonly accountId: string;
    readonly habits: DeviceHabits;
    readonly conversations: () => readonly string[];
    readonly isOver: () => boolean;
  }): SimClient {
    const { accountId, habits, conversations, isOver } = options;
    const name = `c${this.clients.length + 1}`;
    const host = new SimHost(this.scheduler, name, this.#rng.fork());
    const process = host.boot();
    const caller = callerOfDevice(accountId, name);
    const client = new EdgeClient(process, this.network.endpoint(process, 1), caller);
    const shared = { process, client, habits, journal: this.journal, addresses: this.addresses };
    const newestGeneration = (): bigint => this.store.newestGeneration(name);
    const mayRewind = (): boolean => this.store.mayRewind;
    const device = new SimDevice({ ...shared, caller, mayRewind, newestGeneration });
    const person = new SimPerson({ ...shared, device, conversations, isOver });
    const added = { host, device, person };
    this.clients.push(added);
    return added;
  }
}
