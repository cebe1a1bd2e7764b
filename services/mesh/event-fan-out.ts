import type { Clock } from "../kernel/clock.ts";
import type { EventTrace } from "./event-trace.ts";
import type { InterestTable } from "./interest-table.ts";
import { encodeItem } from "./link-codec.ts";
import type { Links } from "./links.ts";
import type { LocalTopics } from "./local-topics.ts";
import type { Mesh } from "./mesh.ts";
import type { Ownership } from "./ownership.ts";
import { conversationTopic, type TopicEvent } from "./router.ts";
import type { RouterMetrics } from "./router-metrics.ts";

/** What events go through. */
export interface FanOutOptions {
  readonly mesh: Pick<Mesh, "self">;
  readonly links: Pick<Links, "send">;
  readonly ownership: Pick<Ownership, "routeOf">;
  readonly local: LocalTopics;
  readonly interest: Pick<InterestTable, "nodesOf">;
  /** Called before anything is sent to another node. */
  readonly beforeSend: (nodeId: string) => void;
  readonly clock: Pick<Clock, "wallMs">;
  readonly trace: EventTrace;
  readonly metrics: RouterMetrics;
}

/** The ways of an event from whoever publishes it to those who listen to its topic. */
export interface EventFanOut {
  /** An event of this node. */
  publish(event: TopicEvent): void;
  /** An event for which another node takes this one for the owner. One hop: it is not passed on to another owner. */
  relayed(from: string, event: TopicEvent): void;
  /** An event of a topic that this node joined at the sender. */
  received(from: string, event: TopicEvent): void;
}

const groupTopics = conversationTopic("");

/** Creates the ways of events. Nothing here waits: links have the queues, and their limits. */
export function createEventFanOut(options: FanOutOptions): EventFanOut {
  const { mesh, links, ownership, local, interest, clock, trace, metrics } = options;

  const noteForwarded = (event: TopicEvent, nodeIds: readonly string[]): void => {
    if (event.class === "durable") trace.forwarded(event, nodeIds, clock.wallMs());
  };

  const noteReceived = (event: TopicEvent, from: string): void => {
    if (event.class === "durable") trace.received(event, from, clock.wallMs());
  };

  const toNodes = (event: TopicEvent): void => {
    const nodeIds = interest.nodesOf(event.topic);
    metrics.fannedOut(event.class, nodeIds.length);
    if (nodeIds.length === 0) return;
    const item = encodeItem({ kind: "event", event });
    for (const nodeId of nodeIds) links.send(nodeId, item);
    noteForwarded(event, nodeIds);
  };

  const fanOut = (event: TopicEvent): void => {
    toNodes(event);
    local.deliver(event);
  };

  return {
    publish: (event) => {
      // Whoever appended an entry to a group is its owner, or as good as it.
      if (event.class === "durable" && event.topic.startsWith(groupTopics)) return fanOut(event);
      const { nodeId } = ownership.routeOf(event.topic);
      if (nodeId === mesh.self().nodeId) return fanOut(event);
      // This node's own listeners hear of it as all others do: from the owner, where they have joined.
      options.beforeSend(nodeId);
      links.send(nodeId, encodeItem({ kind: "relay", event }));
      noteForwarded(event, [nodeId]);
      metrics.relayed();
    },
    relayed: (from, event) => {
      noteReceived(event, from);
      fanOut(event);
    },
    received: (from, event) => {
      noteReceived(event, from);
      if (!local.deliver(event)) metrics.wasted();
    },
  };
}
