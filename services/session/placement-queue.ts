import { backoffDelayMs } from "../kernel/backoff.ts";
import type { Clock, Timer } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Rng } from "../kernel/rng.ts";
import type { Semaphore } from "../kernel/semaphore.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import type { HeldPosition } from "./cursor.ts";
import type { FeedLimits } from "./feed-limits.ts";

/** Why a conversation of a device is to be placed. */
export interface Wish {
  /** What the device holds, if it says so: the cursor goes there, even if there is one already. */
  readonly position: HeldPosition | undefined;
  /** An entry that is known to be committed; 0 when none is. */
  readonly knownSeq: bigint;
}

/** What the queues of a node share. */
export interface PlacementSurroundings {
  /** Bounds the placements of all devices together. */
  readonly placements: Semaphore;
  readonly limits: FeedLimits;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/**
 * The conversations of one device that wait to be placed: those it follows, those its account was added to, direct
 * ones that began. All that gathered while one placement runs goes into the next; a failed one is tried again.
 */
export class PlacementQueue {
  readonly #surroundings: PlacementSurroundings;
  readonly #place: (wishes: ReadonlyMap<string, Wish>) => Promise<void>;
  #wishes = new Map<string, Wish>();
  #state: "gathering" | "idle" | "running" | "closed" = "gathering";
  #failures = 0;
  #retry: Timer | undefined;

  constructor(
    surroundings: PlacementSurroundings,
    place: (wishes: ReadonlyMap<string, Wish>) => Promise<void>,
  ) {
    this.#surroundings = surroundings;
    this.#place = place;
  }

  /** Adds a wish, or joins it to an earlier one; false when there are too many and it was not taken. */
  want(conversationId: string, wish: Wish): boolean {
    const earlier = this.#wishes.get(conversationId);
    if (earlier === undefined && this.#wishes.size >= this.#surroundings.limits.unplacedPerDeviceMax)
      return false;
    this.#wishes.set(conversationId, earlier === undefined ? wish : joinWishes(earlier, wish));
    if (this.#state === "idle") this.#run();
    return true;
  }

  /** Wishes are placed from now on; before, they only gather. */
  start(): void {
    if (this.#state !== "gathering") return;
    this.#state = "idle";
    this.#run();
  }

  close(): void {
    this.#state = "closed";
    this.#retry?.cancel();
    this.#wishes.clear();
  }

  #run(): void {
    if (this.#wishes.size === 0) return;
    const batch = this.#wishes;
    this.#wishes = new Map();
    this.#state = "running";
    void this.#surroundings.placements
      .run(() => (this.#isClosed() ? Promise.resolve() : this.#place(batch)))
      .then(() => this.#succeed())
      .catch((error: unknown) => this.#fail(batch, error));
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #succeed(): void {
    if (this.#isClosed()) return;
    this.#failures = 0;
    this.#state = "idle";
    this.#run();
  }

  #fail(batch: ReadonlyMap<string, Wish>, error: unknown): void {
    if (this.#isClosed()) return;
    for (const [conversationId, wish] of batch) {
      const later = this.#wishes.get(conversationId);
      this.#wishes.set(conversationId, later === undefined ? wish : joinWishes(wish, later));
    }
    const { clock, limits, logger, rng } = this.#surroundings;
    this.#failures += 1;
    const cause = thrownError(error);
    const fields = { conversations: this.#wishes.size, failures: this.#failures, error: cause };
    if (this.#failures < 3) logger.info("placing cursors failed and is tried again", fields);
    else logger.warn("placing cursors keeps failing", fields);
    this.#retry = clock.after(backoffDelayMs(limits.retry, this.#failures, rng.fraction()) ?? 0, () => {
      this.#retry = undefined;
      this.#run();
    });
  }
}

/** The device's own last word counts. */
function joinWishes(earlier: Wish, later: Wish): Wish {
  return {
    position: later.position ?? earlier.position,
    knownSeq: earlier.knownSeq > later.knownSeq ? earlier.knownSeq : later.knownSeq,
  };
}
