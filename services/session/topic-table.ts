import { conversationTopic, type TopicEvent, type TopicRouter, userTopic } from "../mesh/router.ts";
import { parseConversationId } from "../message/conversation-id.ts";
import type { HeadChange, StoreChanges } from "../message/ports.ts";
import { encodeEntryEvent } from "./event-bytes.ts";
import { decodeMembershipChange } from "./membership-change.ts";
import { TopicView, type ViewEntry, type ViewSurroundings } from "./topic-view.ts";

/** A device's feed, as it hears of what happens to its account. */
export interface AccountListener {
  readonly accountId: string;
  /** An entry of one of the account's direct conversations is committed; true when the device did not have that one. */
  heardDirect(conversationId: string, seq: bigint): boolean;
  /** The entry made the account a member of a group. */
  memberAdded(conversationId: string, seq: bigint): void;
  /** The entry ended the account's membership of a group. */
  memberRemoved(conversationId: string, seq: bigint): void;
  /** The account's row of a group has seen the entry; true when the device had not heard of it. */
  memberRowChanged(conversationId: string, seenSeq: bigint): boolean;
  /** A signal for the account. `conversationId` is empty when it is about none. */
  accountSignal(conversationId: string, signal: Uint8Array, key: string): void;
}

interface AccountTopic {
  readonly listeners: Set<AccountListener>;
  readonly leave: () => void;
}

/** The part of a router that listening takes. */
export type TopicJoins = Pick<TopicRouter<never, unknown>, "join" | "joined">;

/** What the table needs. */
export interface TopicTableOptions extends Omit<ViewSurroundings, "join" | "dispose"> {
  readonly router: TopicJoins;
}

/** The topics that a node listens to for its devices: one view per conversation, one set of feeds per account. */
export class TopicTable {
  readonly #router: TopicJoins;
  readonly #surroundings: ViewSurroundings;
  readonly #views = new Map<string, TopicView>();
  readonly #accounts = new Map<string, AccountTopic>();

  constructor(options: TopicTableOptions) {
    this.#router = options.router;
    this.#surroundings = {
      ...options,
      join: (view) => this.#join(view),
      dispose: (view) => {
        this.#views.delete(view.conversationId);
      },
    };
  }

  get viewCount(): number {
    return this.#views.size;
  }

  get accountCount(): number {
    return this.#accounts.size;
  }

  /** The view of a conversation, made if there is none. It goes when its last track and hold have. */
  viewOf(conversationId: string): TopicView {
    const known = this.#views.get(conversationId);
    if (known !== undefined) return known;
    const view = new TopicView(conversationId, this.#surroundings);
    this.#views.set(conversationId, view);
    return view;
  }

  /** Closes the views of all conversations, whoever still holds one: those that are asked for from now on are new. */
  forget(): void {
    for (const view of this.#views.values()) view.close();
  }

  /** Resolves when what was joined has been joined at its owners: nothing falls between what is read now and heard later. */
  joined(): Promise<void> {
    return this.#router.joined();
  }

  /**
   * What changed in the store, whatever was heard of it before: entries whose events were missed are read, and rows of
   * members are looked at again. Answers how much of it was news.
   */
  hear({ heads, members }: StoreChanges): number {
    let news = 0;
    for (const head of heads) if (this.#hearHead(head)) news += 1;
    for (const { accountId, conversationId, seenSeq } of members) {
      for (const listener of this.#accounts.get(accountId)?.listeners ?? []) {
        if (listener.memberRowChanged(conversationId, seenSeq)) news += 1;
      }
    }
    return news;
  }

  #hearHead({ conversationId, headSeq, memberLow, memberHigh }: HeadChange): boolean {
    let isNews = this.#views.get(conversationId)?.hear(headSeq) ?? false;
    // Those of one member may have a view of a direct conversation of which those of the other have not heard.
    for (const accountId of new Set([memberLow, memberHigh])) {
      for (const listener of this.#accounts.get(accountId)?.listeners ?? []) {
        if (listener.heardDirect(conversationId, headSeq)) isNews = true;
      }
    }
    return isNews;
  }

  /** The listener hears of its account from now on. */
  listen(listener: AccountListener): void {
    const { accountId } = listener;
    const topic = this.#accounts.get(accountId);
    if (topic !== undefined) {
      topic.listeners.add(listener);
      return;
    }
    const listeners = new Set([listener]);
    const leave = this.#router.join(userTopic(accountId), (event) => this.#onAccountEvent(listeners, event));
    this.#accounts.set(accountId, { listeners, leave });
  }

  /** Ends `listen`; leaves the topic with the account's last device. */
  ignore(listener: AccountListener): void {
    const topic = this.#accounts.get(listener.accountId);
    if (topic === undefined || !topic.listeners.delete(listener) || topic.listeners.size > 0) return;
    topic.leave();
    this.#accounts.delete(listener.accountId);
  }

  /** Entries of direct conversations come by the topics of their two members, so only groups have their own. */
  #join(view: TopicView): (() => void) | undefined {
    if (parseConversationId(view.conversationId)?.kind !== "group") return undefined;
    return this.#router.join(conversationTopic(view.conversationId), (event) => {
      if (event.class === "ephemeral") view.signal(event.bytes, signalKey(event));
      else if (event.class === "durable") view.offer(viewEntry(event));
    });
  }

  #onAccountEvent(listeners: ReadonlySet<AccountListener>, event: TopicEvent): void {
    const { conversationId, seq } = event;
    // Nodes talk about devices on the same topic; that is for the registry.
    if (event.class === "notice") return;
    if (event.class === "ephemeral") {
      const key = signalKey(event);
      for (const listener of listeners) listener.accountSignal(conversationId, event.bytes, key);
    } else if (parseConversationId(conversationId)?.kind === "direct") {
      this.#views.get(conversationId)?.offer(viewEntry(event));
      for (const listener of listeners) listener.heardDirect(conversationId, seq);
    } else this.#onGroupEvent(listeners, event);
  }

  /** An account hears of a group only when it joins or leaves. */
  #onGroupEvent(listeners: ReadonlySet<AccountListener>, event: TopicEvent): void {
    const change = event.membership ? decodeMembershipChange(event.bytes) : undefined;
    if (change === undefined) return;
    for (const listener of listeners) {
      if (change.removed.has(listener.accountId)) listener.memberRemoved(event.conversationId, event.seq);
      else if (change.added.has(listener.accountId)) listener.memberAdded(event.conversationId, event.seq);
    }
  }
}

/** Keys are unique within a topic; a device hears of several. */
function signalKey(event: TopicEvent): string {
  return `${event.topic}/${event.key}`;
}

function viewEntry(event: TopicEvent): ViewEntry {
  return {
    seq: event.seq,
    event: encodeEntryEvent(event.bytes),
    change: event.membership ? decodeMembershipChange(event.bytes) : undefined,
  };
}
