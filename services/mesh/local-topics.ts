import type { TopicEvent, TopicListener } from "./router.ts";

/** The listeners of this node, by topic. Those that join or leave during an event take effect with the next one. */
export class LocalTopics {
  readonly #onListenerError: (error: unknown) => void;
  readonly #listeners = new Map<string, readonly TopicListener[]>();

  /** `onListenerError` gets what a listener throws; the others are told all the same. */
  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  get size(): number {
    return this.#listeners.size;
  }

  /** The topics that somebody listens to. */
  topics(): IterableIterator<string> {
    return this.#listeners.keys();
  }

  has(topic: string): boolean {
    return this.#listeners.has(topic);
  }

  /** True when the topic had no listener before. */
  add(topic: string, listener: TopicListener): boolean {
    const others = this.#listeners.get(topic) ?? [];
    this.#listeners.set(topic, [...others, listener]);
    return others.length === 0;
  }

  /** True when that was the topic's last listener. */
  remove(topic: string, listener: TopicListener): boolean {
    const listeners = this.#listeners.get(topic) ?? [];
    const rest = listeners.filter((other) => other !== listener);
    if (rest.length > 0) this.#listeners.set(topic, rest);
    else this.#listeners.delete(topic);
    return rest.length === 0 && listeners.length > 0;
  }

  /** Tells every listener of the event's topic, in the same turn. False when there is none. */
  deliver(event: TopicEvent): boolean {
    const listeners = this.#listeners.get(event.topic);
    if (listeners === undefined) return false;
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
    return true;
  }
}
