import type { Clock } from "../kernel/clock.ts";
import { Lifecycle, type LifecycleFailure, type LifecyclePart } from "../kernel/lifecycle.ts";
import type { Logger } from "../kernel/logger.ts";
import type { NodeMesh } from "../mesh/create-mesh.ts";
import type { Membership } from "../mesh/membership.ts";
import type { StoreEpoch } from "../mesh/store-epoch.ts";
import type { StoreWatch } from "../mesh/store-standings.ts";
import type { Appender } from "../message/appender.ts";
import type { OwnReads } from "../message/own-reads.ts";
import type { Feeds } from "../session/feeds.ts";
import type { Sessions } from "../session/sessions.ts";
import type { StoreCheck } from "../session/store-check.ts";
import { createLoadReport } from "./load-report.ts";
import { locateNodes } from "./locate-nodes.ts";

/** The running parts of a node's core. */
export interface CoreParts {
  readonly membership: Membership;
  readonly mesh: NodeMesh;
  readonly epoch: StoreEpoch;
  readonly storeWatch: StoreWatch;
  readonly router: { stop(): Promise<void> };
  readonly ownReads: OwnReads;
  readonly appender: Appender;
  readonly feeds: Feeds;
  readonly storeCheck: StoreCheck;
  readonly sessions: Sessions;
}

/** What starting and stopping them takes. */
export interface CoreLifecycleOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly advertise?: string | undefined;
  readonly drainMsMax: number;
  /** This node is the one that raises the store's tick. */
  readonly hasTick: () => boolean;
}

/** The verbs of a node's core. */
export interface CoreLifecycle {
  /** Joins the mesh. Rejects when the coordinator or the address for other nodes cannot be had. */
  start(): Promise<void>;
  /**
   * Leaves the ring, tells devices to go to other nodes, and closes the streams of those that stay. The node goes on running:
   * what other nodes still hand to it is answered `moved`, and it takes no new streams until `undrain`.
   */
  drain(): Promise<void>;
  /** Takes devices and topics again. */
  undrain(): void;
  /** Ends everything; call `drain` before. Resolves to the parts that failed or were late. */
  stop(): Promise<readonly LifecycleFailure[]>;
}

const startMsMax = 40_000;
const stopMsMax = 10_000;

/** Devices have this part of a drain to go to other nodes by themselves, and five seconds at most. */
const moveShare = 0.5;
const moveMsMax = 5_000;

/** Those that did not are closed over this part of it, so that the last of them has time to go; and over a second at most. */
const spreadShare = 0.2;
const spreadMsMax = 1_000;

/** Creates the verbs. */
export function createCoreLifecycle(core: CoreParts, options: CoreLifecycleOptions): CoreLifecycle {
  const { clock, logger, drainMsMax } = options;
  const lifecycle = new Lifecycle({
    clock,
    logger,
    parts: partsOf(core, options),
    deadlines: { startMs: startMsMax, drainMs: drainMsMax, stopMs: stopMsMax },
  });
  const setDraining = (draining: boolean): void => core.membership.update({ draining });
  tellOfDrains(core);
  return {
    start: () => lifecycle.start(),
    drain: async () => {
      setDraining(true);
      const { registry } = core.sessions;
      const elsewhere = otherNodes(core.mesh);
      if (elsewhere.length > 0) {
        await registry.move(elsewhere, Math.min(moveMsMax, drainMsMax * moveShare));
        if (!registry.draining) return;
      }
      await registry.drain(Math.min(spreadMsMax, drainMsMax * spreadShare));
    },
    undrain: () => {
      core.sessions.registry.undrain();
      setDraining(false);
    },
    stop: async () => {
      await lifecycle.drain();
      return lifecycle.stop();
    },
  };
}

/** Where devices may go: the first address of each other node that takes sessions. */
function otherNodes(mesh: NodeMesh): string[] {
  const own = new Set(mesh.self().publicUrls);
  return locateNodes(mesh).filter((address) => !own.has(address));
}

/** The broadcast that asks nodes to look at the list. */
const listChanged = "list-changed";

/** Others learn of a drain by their lists; that this node has written it is said, so that they look at once. */
function tellOfDrains({ membership, mesh }: CoreParts): void {
  let told = false;
  mesh.onBroadcast(listChanged, () => membership.refresh());
  mesh.onChange(() => {
    const self = mesh.self();
    const draining = mesh.nodes().some((node) => node.incarnation === self.incarnation && node.draining);
    if (draining !== told) mesh.broadcast(listChanged, new Uint8Array());
    told = draining;
  });
}

/**
 * The logs may have been put back: what this node knows of them is void. Everything is begun in one turn, so that nothing
 * is appended or delivered in the new epoch by what was known before. Devices open again with their positions.
 */
async function forgetLogs({ ownReads, appender, feeds, sessions }: CoreParts): Promise<void> {
  ownReads.forget();
  feeds.beginEpoch();
  await Promise.all([appender.beginEpoch(), sessions.registry.reopen(newEpochMessage)]);
}

const newEpochMessage = "The store is in a new epoch: open again with the positions that you hold.";

/** In the order of start; what is drained and stopped last is started first. */
function partsOf(core: CoreParts, { advertise, clock, hasTick }: CoreLifecycleOptions): LifecyclePart[] {
  const { membership, mesh, epoch, storeWatch, router, ownReads, appender, feeds, storeCheck, sessions } =
    core;
  const loadReport = createLoadReport({
    clock,
    load: () => sessions.registry.load,
    say: (load) => membership.update({ load }),
  });
  return [
    { name: "own read cursors", stop: () => ownReads.stop() },
    { name: "appends", drain: () => appender.drain(), stop: () => appender.stop() },
    { name: "feeds", stop: () => feeds.stop() },
    {
      name: "mesh",
      start: async (signal) => {
        const { host, port } = await mesh.links.listen();
        const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
        membership.update({ meshAddress: advertise ?? address });
        await membership.start(signal);
      },
      stop: async () => {
        await router.stop();
        await membership.leave();
        await mesh.stop();
        await membership.stop();
      },
    },
    {
      name: "store epoch",
      start: () => epoch.start({ hasTick, onRaised: () => forgetLogs(core) }),
      stop: () => epoch.stop(),
    },
    { name: "store watch", start: () => storeWatch.start(), stop: () => storeWatch.stop() },
    { name: "store check", start: () => storeCheck.start(), stop: () => storeCheck.stop() },
    { name: "load", start: () => loadReport.start(), stop: () => loadReport.stop() },
    { name: "sessions", stop: () => sessions.registry.stop() },
  ];
}
