import type { Clock } from "../kernel/clock.ts";
import { JoinFlow } from "./join-flow.ts";
import { JoinPlan } from "./join-plan.ts";
import type { Links } from "./links.ts";
import { LocalTopics } from "./local-topics.ts";
import type { Ownership } from "./ownership.ts";
import type { TopicListener } from "./router.ts";
import { SlicedWork } from "./sliced-work.ts";

/** What joins are made from. */
export interface TopicJoinsOptions {
  readonly ownership: Pick<Ownership, "joinTargetsOf">;
  readonly links: Pick<Links, "send" | "settled">;
  readonly clock: Clock;
  readonly onListenerError: (error: unknown) => void;
  /** Whether `joined` waits for the node. */
  readonly isAwaited: (nodeId: string) => boolean;
}

/** What the listeners of this node need of others: their topics are joined at the owners, whoever these are now. */
export class TopicJoins {
  readonly local: LocalTopics;
  readonly #options: TopicJoinsOptions;
  readonly #plan = new JoinPlan();
  readonly #flow: JoinFlow;
  readonly #retarget: SlicedWork;
  #listed: ReadonlySet<string> = new Set();

  constructor(options: TopicJoinsOptions) {
    this.#options = options;
    this.local = new LocalTopics(options.onListenerError);
    this.#flow = new JoinFlow({ ...options, plan: this.#plan });
    this.#retarget = new SlicedWork(options.clock, () => this.#retargetAll());
  }

  /** How many joins stand at other nodes, or are on their way. */
  get joinCount(): number {
    return this.#plan.joinCount;
  }

  /** What this node wants to be joined at another one. */
  topicsAt(nodeId: string): ReadonlySet<string> {
    return this.#plan.topicsAt(nodeId);
  }

  /** Listens until the function that it returns is called. */
  join(topic: string, listener: TopicListener): () => void {
    // Known by its identity, so that one function may listen twice and leave once.
    const entry: TopicListener = (event) => listener(event);
    if (this.local.add(topic, entry)) this.#want(topic);
    return () => {
      if (!this.local.remove(topic, entry)) return;
      this.#plan.unwant(topic, this.#options.clock.monotonicMs());
      this.#flow.changed();
    };
  }

  /** Resolves when the topics that were joined before are joined at their owners, or after `joinMsMax`. */
  joined(): Promise<void> {
    return this.#flow.joined();
  }

  /** Whatever is sent to the node after this comes behind the joins that were wanted before. */
  flushTo(nodeId: string): void {
    this.#flow.flushTo(nodeId);
  }

  /** The node has lost all joins. */
  reset(nodeId: string): void {
    this.#flow.reset(nodeId);
  }

  /** The list has changed: nodes that left it keep nothing. */
  follow(listed: ReadonlySet<string>): void {
    for (const nodeId of this.#listed) {
      if (!listed.has(nodeId)) this.#flow.forget(nodeId);
    }
    this.#listed = listed;
  }

  /** Owners may have changed: looks at all topics again. */
  ownersChanged(): void {
    this.#retarget.request();
  }

  stop(): void {
    this.#retarget.stop();
    this.#flow.stop();
  }

  *#retargetAll(): Generator<void> {
    for (const topic of this.#plan.topics()) {
      this.#want(topic);
      yield;
    }
  }

  #want(topic: string): void {
    this.#plan.want(topic, this.#options.ownership.joinTargetsOf(topic), this.#options.clock.monotonicMs());
    this.#flow.changed();
  }
}
