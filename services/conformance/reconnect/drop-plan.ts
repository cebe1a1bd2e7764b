import { type Finding, startFinding } from "../../history/finding.ts";
import type { SeededRng } from "../../testkit/seeded-rng.ts";
import type { CrashPoint, CrashVerdict } from "../harness/device.ts";
import type { Way } from "../harness/link.ts";

/**
 * How a device drops. `cut` is at a moment that has nothing to do with what it is doing; the others are at the points
 * where a device that dies must not lose or repeat anything. `lose` is an answer that got lost (Poll only).
 */
export type DropKind = "received" | "storing" | "stored" | "acknowledged" | "opening" | "cut" | "lose";

/** The longest that a cut comes after its planned entry, in milliseconds. */
const cutDelayMsMax = 10;

/** The part of the entries over which drops are planned; the rest leaves time for those that had to wait. */
const plannedPart = 0.75;

/** One new stream in so many dies while it opens. */
const openingOneIn = 8;

interface PlannedDrop {
  /** It happens at this entry, or at the first one after it where this kind can happen. */
  readonly seq: bigint;
  readonly kind: DropKind;
}

/** Decides by chance, from a seed, when a device drops, and watches that what it had not acknowledged comes again. */
export class DropPlan {
  /** What has happened, by kind. */
  readonly happened = new Map<DropKind, number>();
  readonly #planned: PlannedDrop[];
  readonly #rng: SeededRng;
  readonly #cut: () => boolean;
  /** Entries that had arrived when the device died before it stored them. */
  readonly #thrownAway = new Set<bigint>();
  #thrownAwayEver = 0;
  #arrived: readonly bigint[] = [];
  #held = 0n;
  #cutting = false;
  #stopped = false;

  /** Plans `drops` of them over the first part of `entries`. `cut` breaks the open stream, if there is one. */
  constructor(options: {
    readonly way: Way;
    readonly drops: number;
    readonly entries: number;
    readonly rng: SeededRng;
    readonly cut: () => boolean;
  }) {
    const { way, drops, entries, rng } = options;
    const kinds: DropKind[] = ["received", "storing", "stored", "acknowledged", "cut"];
    if (way === "poll") kinds.push("lose");
    const seqs = Array.from({ length: drops }, () => 1 + rng.integerBelow(Math.floor(entries * plannedPart)));
    this.#planned = seqs
      .toSorted((a, b) => a - b)
      .map((seq) => ({ seq: BigInt(seq), kind: rng.pick(kinds) }));
    this.#rng = rng;
    this.#cut = options.cut;
  }

  /** At which entry the next drop is planned; undefined when all have happened. */
  get nextSeq(): bigint | undefined {
    return this.#planned[0]?.seq;
  }

  /** Drops that have not happened. */
  get left(): number {
    return this.#planned.length;
  }

  /** What the device asks at each point where it may die. */
  readonly crashAt = (point: CrashPoint): CrashVerdict => {
    switch (point.at) {
      case "opening":
        // Not the first one: a device that never was attached has nothing to lose.
        return this.happened.size > 0 && this.#rng.integerBelow(openingOneIn) === 0
          ? this.#drop("opening")
          : undefined;
      case "received":
        return this.#received(
          point.frame.events.flatMap(({ kind }) => (kind.case === "entry" ? [kind.value.seq] : [])),
        );
      case "storing":
        this.#held = point.entry.seq - 1n;
        return this.#take("storing", point.entry.seq);
      case "stored":
        this.#held = this.#arrived.at(-1) ?? this.#held;
        return this.#take("stored", this.#held);
      case "acknowledged":
        return this.#take("acknowledged", this.#held);
      default:
        return point satisfies never;
    }
  };

  /** Nothing is cut any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Everything that was thrown away before it was acknowledged has arrived once more. */
  finding(): Finding {
    const finding = startFinding("unacknowledged entries come again");
    for (let count = 0; count < this.#thrownAwayEver; count += 1) finding.examine();
    for (const seq of this.#thrownAway) finding.violate(`entry ${seq} did not come again`);
    return finding.finish();
  }

  #received(seqs: readonly bigint[]): CrashVerdict {
    for (const seq of seqs) this.#thrownAway.delete(seq);
    this.#arrived = seqs;
    const last = seqs.at(-1) ?? 0n;
    const [next] = this.#planned;
    if (next?.kind === "cut" && next.seq <= last && !this.#cutting) this.#cutSoon();
    return this.#take("received", last) ?? this.#take("lose", last);
  }

  /** Stays planned until it has hit an open stream; nothing else is done to the device meanwhile. */
  #cutSoon(): void {
    this.#cutting = true;
    setTimeout(() => {
      if (!this.#cut()) {
        if (!this.#stopped) this.#cutSoon();
        return;
      }
      this.#cutting = false;
      this.#planned.shift();
      this.#drop("cut");
    }, this.#rng.fraction() * cutDelayMsMax);
  }

  #take(kind: DropKind, seq: bigint): CrashVerdict {
    const [next] = this.#planned;
    if (next === undefined || next.kind !== kind || next.seq > seq) return undefined;
    this.#planned.shift();
    return this.#drop(kind);
  }

  #drop(kind: DropKind): CrashVerdict {
    this.happened.set(kind, (this.happened.get(kind) ?? 0) + 1);
    if (kind === "received" || kind === "lose" || kind === "storing") {
      for (const seq of this.#arrived.filter((one) => one > this.#held)) {
        this.#thrownAway.add(seq);
        this.#thrownAwayEver += 1;
      }
    }
    return kind === "lose" ? "lose" : "crash";
  }
}
