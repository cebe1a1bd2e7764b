import type { TopicEvent } from "./router.ts";

/** Remembers the way of durable events from node to node, for `parley explain`; by the node. Cheap, and never throws. */
export interface EventTrace {
  /** The event was sent to these nodes: to those that joined its topic, or to the topic's owner. Keeps the list. */
  forwarded(event: TopicEvent, nodeIds: readonly string[], wallMs: number): void;
  /** The event came from another node. */
  received(event: TopicEvent, from: string, wallMs: number): void;
}
