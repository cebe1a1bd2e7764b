import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { RevokedDevicesSchema } from "../../gen/parley/mesh/v1/session_pb.ts";
import { type AccountDomain, createAccountDomain } from "../account/account-domain.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import type { Coordinator } from "../mesh/coordinator.ts";
import type { MeshTransport } from "../mesh/transport.ts";
import type { ErrorMapper } from "../rpc/error-mapper.ts";
import type { ValidateMessage } from "../rpc/message-validator.ts";
import { storeTarget } from "./backend-urls.ts";
import { type NodeConfig, passwordCost } from "./config.ts";
import {
  type CoreLimits,
  createNodeCore,
  type NodeCore,
  type NodeIdentity,
  type NodeStore,
} from "./node-core.ts";

/** What the domains of a node are wired from. */
export interface DomainsOptions {
  readonly config: NodeConfig;
  readonly node: NodeIdentity;
  readonly store: NodeStore;
  readonly coordinator: Coordinator;
  readonly transport: MeshTransport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly errors: ErrorMapper;
  readonly validateMessage: ValidateMessage;
}

/** The domains of one node, wired to one another and to the store. */
export interface Domains {
  readonly core: NodeCore;
  readonly accounts: AccountDomain;
}

/** The broadcast that devices were ended, with RevokedDevices. */
const revokedName = "revoked";

/** Wires the domains. Nothing runs yet that would have to be stopped when this rejects, except store and coordinator. */
export async function createDomains(options: DomainsOptions): Promise<Domains> {
  const { config, store, clock, rng, logger, metrics, errors } = options;
  const core = await createNodeCore({
    ...options,
    limits: limitsOf(config),
    // Asked with the first call of a client, which is long after the accounts are there.
    tokens: { verify: (token) => accounts.verifier.verify(token) },
    failureOf: (error, where) => errors.failureOf(error, where),
    advertise: config["mesh.advertise"],
    drainMsMax: config["drain.deadlineMs"],
  });
  const accounts = await createAccountDomain({
    ...store,
    ids: core.ids,
    clock,
    rng,
    logger,
    metrics,
    revocations: {
      revoked: (accountId, deviceIds = []) => {
        endStreams(core, accountId, deviceIds);
        const body = create(RevokedDevicesSchema, { accountId, deviceIds: [...deviceIds] });
        core.mesh.broadcast(revokedName, toBinary(RevokedDevicesSchema, body));
      },
    },
    issuer: config["token.issuer"],
    audience: config["token.audience"],
    passwordCost: passwordCost(config),
    registrationOpen: config["registration.open"],
  });
  followRevocations(core, accounts);
  return { core, accounts };
}

/** Other nodes end devices too. What they said may have been missed when a link begins anew: then no token is trusted. */
function followRevocations(core: NodeCore, accounts: AccountDomain): void {
  core.mesh.onBroadcast(revokedName, (_from, body) => {
    const { accountId, deviceIds } = fromBinary(RevokedDevicesSchema, body);
    accounts.verifier.revoked(accountId, deviceIds.length === 0 ? undefined : deviceIds);
    endStreams(core, accountId, deviceIds);
  });
  core.mesh.onGap(() => accounts.verifier.forget());
}

/** No device ids mean all devices of the account. */
function endStreams({ sessions }: NodeCore, accountId: string, deviceIds: readonly string[]): void {
  sessions.registry.revoked(accountId, deviceIds.length === 0 ? undefined : deviceIds);
}

/** Appends that run at once on MongoDB, by conversation. SQLite has one writer. */
const mongoLanes = 8;

function limitsOf(config: NodeConfig): CoreLimits {
  return {
    traceStepsMax: config["explain.stepsMax"],
    append: {
      lanes: storeTarget(config).kind === "mongodb" ? mongoLanes : 1,
      groupMembersMax: config["message.groupMembersMax"],
      conversationsPerAccountMax: config["message.groupsPerAccountMax"],
    },
    sessions: {
      sessionsMax: config["session.devicesMax"],
      devicesPerAccountMax: config["session.devicesPerAccountMax"],
      opensPerSecond: config["session.attachesPerSecond"],
      // A node that comes back after a crash meets everybody at once.
      opensBurst: 2 * config["session.attachesPerSecond"],
    },
  };
}
