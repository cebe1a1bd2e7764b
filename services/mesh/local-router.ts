import type { TopicEvent, TopicListener, TopicRouter } from "./router.ts";

/** Where commands go when this process owns every topic. */
export type CommandHandler<Command, Result> = (command: Command) => Promise<Result>;

/**
 * A router for a node that is alone: it owns every topic, so a command is a call and an event reaches its
 * listeners in the same turn. Listeners that join or leave during an event take effect with the next one.
 */
export function createLocalRouter<Command, Result>(
  handle: CommandHandler<Command, Result>,
  onListenerError: (error: unknown) => void,
): TopicRouter<Command, Result> {
  const listenersByTopic = new Map<string, readonly TopicListener[]>();

  function deliver(event: TopicEvent): void {
    for (const listener of listenersByTopic.get(event.topic) ?? []) {
      try {
        listener(event);
      } catch (error) {
        onListenerError(error);
      }
    }
  }

  function leave(topic: string, listener: TopicListener): void {
    const rest = (listenersByTopic.get(topic) ?? []).filter((other) => other !== listener);
    if (rest.length === 0) listenersByTopic.delete(topic);
    else listenersByTopic.set(topic, rest);
  }

  return {
    command: (_topic, command) => handle(command),
    publish: deliver,
    join: (topic, listener) => {
      listenersByTopic.set(topic, [...(listenersByTopic.get(topic) ?? []), listener]);
      return () => leave(topic, listener);
    },
    joined: () => Promise.resolve(),
  };
}
