import { ListDirection } from "../../../gen/parley/message/v1/message_service_pb.ts";
import type { HeadRead } from "../../history/history.ts";
import type { SeededRng } from "../../testkit/seeded-rng.ts";
import type { Member } from "../harness/member.ts";
import { pause } from "../harness/pause.ts";
import { type RefusedTry, SendJournal } from "../harness/send-journal.ts";
import { repeatCall } from "../harness/user.ts";
import type { PlacedSend } from "./outage.ts";
import type { RoamingUser } from "./roaming-user.ts";

/** Sends that one user has under way at once, bursts aside; more would only queue up during an outage. */
const underWayMax = 8;

/** The pause of a user between two sends, in milliseconds: the nodes have work and are not overloaded. */
const thinkMs = { min: 150, max: 600 };

/**
 * How long a client waits for one unary try before it turns to another node, in milliseconds. Its node needs some three
 * seconds to go round an owner that stands still; who gives up earlier may turn to that very node.
 */
const tryMsMax = 5_000;

/** One send in so many is followed by a look at the head, at any node. */
const readEvery = 8;

/** Sends of each user in a burst. */
const burstSends = 2;

/** What one user of a cluster does under load. */
export interface ClusterMember extends Member {
  readonly roaming: RoamingUser;
  readonly rng: SeededRng;
}

/** How patient the users of a load are. */
export interface LoadPace {
  /** Their pauses between sends are so many times as long as usual. */
  readonly pauseFactor?: number;
  /** How long they wait for one try of a unary send, in milliseconds; 5 s unless told otherwise. */
  readonly tryMsMax?: number;
}

/** The users of a cluster at work, and what they noted. Unary calls that fail are repeated at the next node. */
export class ClusterLoad {
  readonly journal: SendJournal;
  readonly reads: HeadRead[] = [];
  /** Sends that have their outcome, with the node that their client was at when they began. */
  readonly placed: PlacedSend[] = [];
  /** Tries of unary sends that failed. */
  readonly refused: RefusedTry[] = [];
  readonly #members: readonly ClusterMember[];
  readonly #pauseFactor: number;
  readonly #tryMsMax: number;
  readonly #end = new AbortController();
  readonly #giveUp = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #made = 0;

  constructor(members: readonly ClusterMember[], pace: LoadPace = {}) {
    this.#members = members;
    this.#pauseFactor = pace.pauseFactor ?? 1;
    this.#tryMsMax = pace.tryMsMax ?? tryMsMax;
    this.journal = new SendJournal(this.#giveUp.signal);
  }

  /** Lets each user send, to a conversation by chance, by stream or by unary call by chance, until `end`. */
  start(): this {
    for (const member of this.#members) this.#track(this.#keepSending(member));
    return this;
  }

  /** Lets all users send at once: what comes next then meets sends that are under way. */
  burst(): void {
    for (const member of this.#members) {
      for (let count = 0; count < burstSends; count += 1) this.#track(this.#sendOnce(member));
    }
  }

  /** Begins no further sends. Those that are under way go on. */
  end(): void {
    this.#end.abort();
  }

  /** Resolves when everything that was begun has come to its end. */
  async ended(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Gives up what is still under way, which stays without an outcome. */
  async stop(): Promise<void> {
    this.end();
    this.#giveUp.abort();
    // A send on a stream whose device has stopped never ends, and holds nothing.
    await Promise.race([Promise.allSettled(this.#running), pause(100)]);
  }

  async #keepSending(member: ClusterMember): Promise<void> {
    const { signal } = this.#end;
    const underWay = new Set<Promise<void>>();
    while (!signal.aborted) {
      const sending = this.#sendOnce(member).finally(() => underWay.delete(sending));
      underWay.add(sending);
      if (underWay.size >= underWayMax) await Promise.race(underWay);
      const thinking = thinkMs.min + member.rng.fraction() * (thinkMs.max - thinkMs.min);
      await pause(thinking * this.#pauseFactor, signal);
    }
    await Promise.all(underWay);
  }

  async #sendOnce(member: ClusterMember): Promise<void> {
    const { device, roaming, conversations, rng } = member;
    this.#made += 1;
    const isRead = this.#made % readEvery === 0;
    const text = `${device.user.handle} ${this.#made}`;
    const conversationId = rng.pick(conversations);
    const { nodeId } = roaming;
    const tries = {
      place: roaming.placesOfTries(),
      timeoutMs: this.#tryMsMax,
      onRefused: (refused: RefusedTry) => this.refused.push(refused),
    };
    const send = await (rng.fraction() < 0.5
      ? this.journal.sendOnStream(device, conversationId, text)
      : this.journal.sendUnary(device, conversationId, text, tries));
    this.placed.push({ nodeId, send });
    if (isRead) this.reads.push(await readHead(member, conversationId));
  }

  #track(one: Promise<void>): void {
    const running = one.finally(() => this.#running.delete(running));
    this.#running.add(running);
    // Whoever waits for `ended` hears of a failure; until then it is no unhandled one.
    running.catch(() => undefined);
  }
}

async function readHead({ roaming, rng }: ClusterMember, conversationId: string): Promise<HeadRead> {
  const request = { conversationId, direction: ListDirection.BACKWARD, pageSize: 1 };
  let offset = rng.integerBelow(1_000);
  for (;;) {
    const beganMs = performance.now();
    const page = await repeatCall(() => {
      offset += 1;
      return roaming.at(offset).messages.listEntries(request, { timeoutMs: tryMsMax });
    });
    const headSeq = page.entries[0]?.seq;
    if (headSeq !== undefined) {
      return {
        readerId: roaming.user.accountId,
        conversationId,
        beganMs,
        endedMs: performance.now(),
        headSeq,
      };
    }
  }
}
