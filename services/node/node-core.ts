import type { Clock } from "../kernel/clock.ts";
import { createIdAllocator, type IdAllocator } from "../kernel/ids.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import type { Coordinator } from "../mesh/coordinator.ts";
import { createLinks, linkProtocol } from "../mesh/create-links.ts";
import { createMesh } from "../mesh/create-mesh.ts";
import { createMembership } from "../mesh/membership.ts";
import { createMeshRouter, type MeshRouter } from "../mesh/mesh-router.ts";
import type { NodeRecord } from "../mesh/node-record.ts";
import { conversationTopic } from "../mesh/router.ts";
import { openStoreEpoch } from "../mesh/store-epoch.ts";
import { createStoreWatch } from "../mesh/store-standings.ts";
import type { MeshTransport } from "../mesh/transport.ts";
import type { AppendCommand, AppendResult } from "../message/append-command.ts";
import type { AppendParts } from "../message/append-deps.ts";
import type { AppendOptions } from "../message/append-options.ts";
import { createAppendWire } from "../message/append-wire.ts";
import { type Appender, appendParts, createAppender } from "../message/appender.ts";
import { loadEntryDigest } from "../message/entry-digest.ts";
import { notingOwnSends, OwnReads } from "../message/own-reads.ts";
import type { MessageRouteDeps } from "../message/routes.ts";
import { createConversationVersions } from "../message/versions.ts";
import type { FeedLimits } from "../session/feed-limits.ts";
import { createFeeds } from "../session/feeds.ts";
import type { NodeLimits } from "../session/session-limits.ts";
import { createSessions, type SessionsOptions } from "../session/sessions.ts";
import { createStoreCheck } from "../session/store-check.ts";
import type { SqliteStore } from "../store/sqlite/open.ts";
import { type CoreLifecycle, type CoreParts, createCoreLifecycle } from "./core-lifecycle.ts";
import { locateNodes } from "./locate-nodes.ts";
import { EntryTraces, traceStepsMaxDefault } from "./traces/entry-traces.ts";

/** All collections of a store, of whatever kind. */
export type NodeStore = Omit<SqliteStore, "stop">;

/** Who a node is, apart from where it listens. */
export type NodeIdentity = Pick<NodeRecord, "nodeId" | "roles" | "version">;

/** Limits of a node's core; the defaults of each part where unset. */
export interface CoreLimits {
  readonly append?: Partial<AppendOptions>;
  readonly feeds?: Partial<FeedLimits>;
  readonly sessions?: Partial<NodeLimits>;
  /** Steps of entries that are remembered. */
  readonly traceStepsMax?: number;
}

/** What a node's core is made from. Everything that reaches outside of the process comes in here. */
export interface NodeCoreOptions extends Pick<SessionsOptions, "tokens" | "validateMessage" | "failureOf"> {
  readonly node: NodeIdentity;
  readonly limits: CoreLimits;
  readonly store: NodeStore;
  readonly coordinator: Coordinator;
  readonly transport: MeshTransport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where other nodes reach this one, when it is not where the transport listens. */
  readonly advertise?: string | undefined;
  /** How long a drain may take in all, in milliseconds. */
  readonly drainMsMax: number;
  /** Modules in place of some of `coreModules`; only in tests that plant a defect to prove that it is seen. */
  readonly modules?: Partial<CoreModules>;
}

/** The modules of which a core is made. */
export interface CoreModules {
  readonly appendParts: AppendParts;
  readonly createAppender: typeof createAppender;
  readonly createMeshRouter: typeof createMeshRouter<AppendCommand, AppendResult>;
  readonly createFeeds: typeof createFeeds;
  readonly createStoreCheck: typeof createStoreCheck;
}

/** Those that every node has. */
export const coreModules: CoreModules = {
  appendParts,
  createAppender,
  createMeshRouter,
  createFeeds,
  createStoreCheck,
};

/** Everything of a node but its store, its accounts and its listeners for people: what the simulator runs as it is. */
export interface NodeCore extends CoreParts, CoreLifecycle {
  readonly router: MeshRouter<AppendCommand, AppendResult>;
  readonly ids: IdAllocator;
  readonly messages: MessageRouteDeps;
  readonly traces: EntryTraces;
}

/** Wires the core of a node. Nothing runs yet that would have to be stopped when this rejects. */
export async function createNodeCore(options: NodeCoreOptions): Promise<NodeCore> {
  const modules = { ...coreModules, ...options.modules };
  const { clock, rng, logger, metrics, store, limits } = options;
  const traces = new EntryTraces({
    clock,
    metrics,
    stepsMax: limits.traceStepsMax ?? traceStepsMaxDefault,
  });
  const epoch = await openStoreEpoch({ ...options, store: store.epochMark });
  const net = { ...createNodeNet(options, modules, traces), epoch };
  const messaging = await createMessaging(options, net, modules);
  const { router, mesh } = net;
  const { appender } = messaging;
  const feeds = modules.createFeeds(
    { ...store, effects: appender, epochs: epoch, router, clock, rng, logger, metrics, trace: traces },
    { ...limits.feeds },
  );
  const storeCheck = modules.createStoreCheck({
    changes: store.changes,
    feeds,
    effects: appender,
    clock,
    rng,
    logger,
    metrics,
  });
  mesh.onGap(() => {
    storeCheck.checkNow();
    // One of the two may have stood still, or have started on a store that was put back meanwhile.
    void epoch.refresh();
    // A node that registered anew dials before its hint has come here, and hints get lost: without the list there is no way back.
    net.membership.refresh();
  });
  const sessions = await createSessions({
    ...options,
    ...store,
    feeds: (device, listener) => feeds.feedFor(device, listener),
    appends: messaging.messages.router,
    versions: createConversationVersions(store),
    nodeId: options.node.nodeId,
    roles: options.node.roles,
    mesh,
    router,
    trace: traces,
    addresses: () => locateNodes(mesh),
    limits: limits.sessions ?? {},
  });
  const running = { ...net, ...messaging, feeds, storeCheck, sessions };
  const lifecycle = createCoreLifecycle(running, {
    ...options,
    hasTick: () => router.ownersOf(tickTopic)[0] === options.node.nodeId,
  });
  return { ...running, ...lifecycle };
}

/** What a node has of the mesh. */
interface NodeNet extends Pick<NodeCore, "membership" | "mesh" | "storeWatch" | "router" | "ids" | "traces"> {
  /** The appends that reach this node as an owner are served by this. */
  serveAppends(appender: Appender): void;
}

function createNodeNet(options: NodeCoreOptions, modules: CoreModules, traces: EntryTraces): NodeNet {
  const { node, store, coordinator, transport, clock, rng, logger, metrics } = options;
  const membership = createMembership({
    coordinator,
    clock,
    rng,
    logger,
    metrics,
    record: { ...node, ...notYetKnown, protocolMin: linkProtocol.min, protocolMax: linkProtocol.max },
  });
  const mesh = createMesh({
    membership,
    createLinks: (listener) => createLinks({ transport, clock, rng, logger, metrics, listener }),
    clock,
    logger,
  });
  const storeWatch = createStoreWatch({ mesh, look: () => store.epochMark.read(), clock, logger, metrics });
  let owner: Appender | undefined;
  const router = modules.createMeshRouter({
    mesh,
    codec: createAppendWire(clock),
    standings: storeWatch,
    handle: async (command) =>
      // The registration's answer may be on its way, or lost, while others list this node already.
      owner === undefined || !membership.registered ? { kind: "moved" } : owner.append(command),
    onListenerError: (error) => logger.error("a listener of a topic failed", { error: thrownError(error) }),
    clock,
    logger,
    metrics,
    trace: traces,
  });
  const ids = createIdAllocator({ store: store.idSlots, clock, slot: () => membership.idSlot });
  return {
    membership,
    mesh,
    storeWatch,
    router,
    ids,
    traces,
    serveAppends: (appender) => (owner = appender),
  };
}

/** What a record says before the listeners are open. */
const notYetKnown = {
  meshAddress: "unknown:0",
  publicUrls: [],
  adminUrl: "",
  draining: false,
  load: 0,
} as const;

async function createMessaging(
  options: NodeCoreOptions,
  net: NodeNet & Pick<CoreParts, "epoch">,
  modules: CoreModules,
): Promise<Pick<NodeCore, "appender" | "messages"> & { readonly ownReads: OwnReads }> {
  const { store, clock, rng, logger, metrics, limits } = options;
  const { router, ids, traces } = net;
  const ownReads = new OwnReads({ ...store, versions: ids, events: router, clock, logger, metrics });
  const digest = await loadEntryDigest(store.secretKeys, rng);
  const appender = modules.createAppender(
    {
      ...store,
      router,
      ids,
      digest,
      clock,
      rng,
      logger,
      metrics,
      trace: traces,
      epochs: net.epoch,
      parts: modules.appendParts,
      // A node that the list lacks is the last to insist.
      conflictRank: (conversationId) => {
        const owners = router.ownersOf(conversationTopic(conversationId));
        const rank = owners.indexOf(options.node.nodeId);
        return rank === -1 ? owners.length : rank;
      },
    },
    { ...limits.append },
  );
  net.serveAppends(appender);
  const appends = notingOwnSends(
    { append: (command) => router.command(conversationTopic(command.conversationId), command) },
    ownReads,
  );
  const messages = {
    ...store,
    router: appends,
    clock,
    ownReads,
    versions: ids,
    events: router,
    effects: appender,
  };
  return { appender, messages, ownReads };
}

/** Whoever ranks first for it raises the store's tick. Nobody joins it. */
const tickTopic = "store/tick";
