/**
 * The way from a node to the owner of a topic and from the owner to those interested. Domains see only this
 * interface; whether the owner is this process or another one is not theirs to know.
 */

/**
 * `durable` events are entries of a log: never dropped on a link, and what is missed all the same is read from the store.
 * `ephemeral` ones are coalesced by key and may be dropped. A `notice` is for nodes and not for devices: never dropped on
 * a link, and kept nowhere.
 */
export type EventClass = "durable" | "ephemeral" | "notice";

/** One event on its way to the nodes that joined its topic. The bytes were encoded once, at the owner. */
export interface TopicEvent {
  /** `conv/<conversation id>` or `user/<account id>`. */
  readonly topic: string;
  readonly class: EventClass;
  readonly conversationId: string;
  /** Of the entry; 0 for ephemeral events. */
  readonly seq: bigint;
  /**
   * An encoded parley.message.v1.Entry when durable, an encoded parley.session.v1.Signal when ephemeral, an encoded
   * parley.mesh.v1.DeviceNotice when it is a notice.
   */
  readonly bytes: Uint8Array;
  /** The entry changes who belongs to the conversation: receivers look into it. */
  readonly membership: boolean;
  /** Ephemeral events of one topic and key replace one another. Empty for durable ones. */
  readonly key: string;
}

export type TopicListener = (event: TopicEvent) => void;

/** Sends commands to the owner of a topic, and its events to those who joined. */
export interface TopicRouter<Command, Result> {
  /** Hands a command to the topic's owner. Rejects only for a bug: what can go wrong is part of `Result`. */
  command(topic: string, command: Command): Promise<Result>;
  /**
   * Gives an event to every listener of its topic, on all nodes. An entry of a group leaves from here, since whoever
   * appended it is its owner; anything else goes by way of its topic's owner. Never blocks and never throws.
   */
  publish(event: TopicEvent): void;
  /** Listens to a topic from now on, until the function that it returns is called. */
  join(topic: string, listener: TopicListener): () => void;
  /**
   * Resolves when the topics that were joined before have been joined at their owners, so that what is read from the store
   * from now on and what is heard leave no gap; at the latest after `joinMsMax`, since the store check closes what is left.
   */
  joined(): Promise<void>;
}

/** How long `joined` may take, in milliseconds. */
export const joinMsMax = 500;

/** The topic of a group. */
export function conversationTopic(conversationId: string): string {
  return `conv/${conversationId}`;
}

/** The topic of an account: its direct conversations, its memberships and its versions. */
export function userTopic(accountId: string): string {
  return `user/${accountId}`;
}
