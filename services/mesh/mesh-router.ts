import type { Clock, Timer } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { CommandCodec, CommandHandler } from "./command-codec.ts";
import { CommandForwarder } from "./command-forwarder.ts";
import type { NodeMesh, TopicItem } from "./create-mesh.ts";
import { createEventFanOut, type EventFanOut } from "./event-fan-out.ts";
import type { EventTrace } from "./event-trace.ts";
import { InterestTable } from "./interest-table.ts";
import { OwnedTopics } from "./owned-topics.ts";
import { Ownership } from "./ownership.ts";
import type { TopicEvent, TopicListener, TopicRouter } from "./router.ts";
import { createRouterMetrics } from "./router-metrics.ts";
import type { StoreStandings } from "./store-standings.ts";
import { TopicJoins } from "./topic-joins.ts";

/** What a router is made from. */
export interface MeshRouterOptions<Command, Result> {
  readonly mesh: NodeMesh;
  readonly codec: CommandCodec<Command, Result>;
  /** Nodes that do not reach the store own nothing, as far as others do. */
  readonly standings: StoreStandings;
  /** Serves a command whose topic this node owns, or that another node has handed over. */
  readonly handle: CommandHandler<Command, Result>;
  /** Gets what a listener of a topic throws. */
  readonly onListenerError: (error: unknown) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly trace: EventTrace;
}

/** A router over a mesh. */
export interface MeshRouter<Command, Result> extends TopicRouter<Command, Result>, AsyncDisposable {
  /** The nodes that may own the topic, the first owner first, whether this node can reach them or not. */
  ownersOf(topic: string): readonly string[];
  /** How many topics this node is the first owner of, among those that somebody wants; see `OwnedTopics`. */
  topicsOwned(): number;
  /** What another node has joined here. */
  interestOf(nodeId: string): ReadonlySet<string>;
  /** What this node wants to be joined at another one. */
  joinsAt(nodeId: string): ReadonlySet<string>;
  /** Ends its timers; commands of other nodes are answered `moved` from now on. Idempotent. */
  stop(): Promise<void>;
}

/** Creates the router of a node and connects it to its mesh; once for a mesh, before its links listen. */
export function createMeshRouter<Command, Result>(
  options: MeshRouterOptions<Command, Result>,
): MeshRouter<Command, Result> {
  return new RendezvousRouter(options);
}

class RendezvousRouter<Command, Result> implements MeshRouter<Command, Result> {
  readonly #mesh: NodeMesh;
  readonly #clock: Clock;
  readonly #ownership: Ownership;
  readonly #joins: TopicJoins;
  readonly #interest: InterestTable;
  readonly #events: EventFanOut;
  readonly #commands: CommandForwarder<Command, Result>;
  readonly #owned: OwnedTopics;
  #openingEnd: Timer | undefined;
  #stopped = false;

  constructor(options: MeshRouterOptions<Command, Result>) {
    const { mesh, codec, clock, trace, standings } = options;
    this.#mesh = mesh;
    this.#clock = clock;
    const ownership = new Ownership(options);
    const metrics = createRouterMetrics(options.metrics, {
      topicsJoined: () => this.#joins.joinCount,
      topicsOwned: () => this.topicsOwned(),
    });
    const isAwaited = (nodeId: string): boolean => mesh.isUp(nodeId) || ownership.isOpening(nodeId);
    const joins = new TopicJoins({ ...options, links: mesh.links, ownership, isAwaited });
    const interest = new InterestTable({ ...options, metrics });
    const beforeSend = (nodeId: string): void => joins.flushTo(nodeId);
    const { local } = joins;
    const shared = { mesh, links: mesh.links, ownership, local, interest, beforeSend, clock, trace, metrics };
    this.#events = createEventFanOut(shared);
    this.#commands = new CommandForwarder({ ...options, ownership, beforeSend, metrics });
    this.#owned = new OwnedTopics({ clock, ownership, local, interest });
    [this.#ownership, this.#joins, this.#interest] = [ownership, joins, interest];

    mesh.carryTopics({
      onItem: (from, item) => this.#onItem(from, item),
      onIncomingReset: (from) => interest.reset(from),
      onOutgoingReset: (to) => joins.reset(to),
    });
    mesh.answer(codec.name, (_from, call) => this.#commands.serve(call));
    mesh.onChange(() => this.#follow());
    standings.onChange(() => this.#follow());
    if (mesh.nodes().length > 0) this.#follow();
  }

  command(topic: string, command: Command): Promise<Result> {
    return this.#commands.command(topic, command);
  }

  publish(event: TopicEvent): void {
    this.#events.publish(event);
  }

  join(topic: string, listener: TopicListener): () => void {
    return this.#joins.join(topic, listener);
  }

  joined(): Promise<void> {
    return this.#joins.joined();
  }

  ownersOf(topic: string): readonly string[] {
    return this.#ownership.ownersOf(topic);
  }

  topicsOwned(): number {
    return this.#owned.count();
  }

  interestOf(nodeId: string): ReadonlySet<string> {
    return this.#interest.topicsOf(nodeId);
  }

  joinsAt(nodeId: string): ReadonlySet<string> {
    return this.#joins.topicsAt(nodeId);
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#openingEnd?.cancel();
    this.#commands.stop();
    this.#joins.stop();
    this.#interest.stop();
    this.#owned.stop();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #onItem(from: string, item: TopicItem): void {
    switch (item.kind) {
      case "event":
        return this.#events.received(from, item.event);
      case "relay":
        return this.#events.relayed(from, item.event);
      case "join":
        return this.#interest.join(from, item.topics);
      case "leave":
        return this.#interest.leave(from, item.topics);
    }
  }

  /** The list or a link has changed, or a link had its time to open. */
  #follow(): void {
    if (this.#stopped) return;
    const listed = new Set(this.#mesh.nodes().map(({ nodeId }) => nodeId));
    this.#joins.follow(listed);
    this.#interest.follow(listed);
    if (this.#ownership.refresh()) {
      this.#joins.ownersChanged();
      this.#commands.giveUpSuspected();
    }
    this.#commands.releaseHeld();
    this.#armOpeningEnd();
  }

  #armOpeningEnd(): void {
    this.#openingEnd?.cancel();
    const endMs = this.#ownership.openingEndMs;
    if (endMs === undefined) return;
    this.#openingEnd = this.#clock.after(endMs - this.#clock.monotonicMs(), () => this.#follow());
  }
}
