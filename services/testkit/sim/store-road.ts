import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../../kernel/fault.ts";
import { drawDelayMs } from "./sim-delay.ts";
import type { SimProcess } from "./sim-process.ts";
import type { StoreCore } from "./sim-store-core.ts";

/** What clients of a failing store are told to wait, in milliseconds. */
const retryDelayMs = 1_000;

/** A store that cannot be reached answers at once, or only after this time. */
const awayAnswerMs = 3_000;

/** How long a writer waits for the lock of a file, in milliseconds. */
const busyMsMax = 2_000;

/** The way between one process and the store. */
export class StoreRoad {
  readonly core: StoreCore;
  readonly process: SimProcess;
  appendsUnderWay = 0;
  readonly #label: string;
  /** Of the store that the process has opened. */
  readonly #era: number;
  #lastArrivalMs = 0;

  constructor(core: StoreCore, process: SimProcess) {
    this.core = core;
    this.#era = core.era;
    this.process = process;
    this.#label = `${process.name} store`;
    process.onEnd(() => {
      core.tally.unheard += this.appendsUnderWay;
    });
  }

  /** Rejects with STORE_UNAVAILABLE when the store is away, or by chance. */
  read<T>(call: () => Promise<T>): Promise<T> {
    const { plan, rng, tally } = this.core;
    return this.carry((answer) => {
      if (!this.core.isAway(this.process) && rng.fraction() >= plan.readFaultRate) return answer(call());
      tally.readsFailed += 1;
      return answer(failing(), this.awayMs());
    });
  }

  /** Rejects likewise; whether it was done, is done later or not at all, nobody knows then. */
  write<T>(call: () => Promise<T>): Promise<T> {
    const { plan, rng, tally } = this.core;
    return this.carry((answer) => {
      this.whenUnlocked((isLocked) => {
        const isAway = isLocked || this.core.isAway(this.process);
        if (!isAway && rng.fraction() >= plan.writeFaultRate) return answer(call());
        tally.writesFailed += 1;
        if (isAway) return answer(failing(), this.awayMs());
        const fate = rng.integerBelow(3);
        if (fate === 0) this.late(() => void call());
        return answer(fate === 1 ? call().then(failing) : failing());
      });
    });
  }

  /**
   * Carries a request to the store, where `work` is called as an event of its own, and what `work` answers back. With its
   * process a request dies on its way: always where the store is a part of the process, else by chance.
   */
  carry<T>(work: (answer: (result: Promise<T>, extraMs?: number) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const answer = (result: Promise<T>, extraMs = 0): void => {
        const back = (settle: () => void): void =>
          void this.process.after(this.#delayMs() + extraMs, this.#label, settle);
        result.then(
          (value) => back(() => resolve(value)),
          (error: unknown) => back(() => reject(error)),
        );
      };
      this.#arrive(() => work(answer));
    });
  }

  /** Calls `work` at once, or after a while with true when the file stays locked by a process that stands still. */
  whenUnlocked(work: (isLocked: boolean) => void): void {
    if (!this.core.isLockedFor(this.process)) return work(false);
    const again = (): void => work(this.core.isLockedFor(this.process));
    this.core.scheduler.after(busyMsMax, this.#label, () => this.process.run(this.#label, again));
  }

  /** Does something after its answer. A part of the process does it only while that lives. */
  late(work: () => void): void {
    const { scheduler, plan, rng } = this.core;
    scheduler.after(1 + rng.fraction() * plan.lateMsMax, `${this.#label} late`, () => this.#workThere(work));
  }

  /** How much longer the answer of a store takes that is away. */
  awayMs(): number {
    return this.core.rng.fraction() < 0.5 ? 0 : awayAnswerMs;
  }

  #arrive(work: () => void): void {
    const { scheduler, plan, rng } = this.core;
    let arrivalMs = scheduler.nowMs + this.#delayMs();
    if (plan.kind === "sqlite") this.#lastArrivalMs = arrivalMs = Math.max(arrivalMs, this.#lastArrivalMs);
    const hasLeft = rng.fraction() < 0.5;
    scheduler.after(arrivalMs - scheduler.nowMs, this.#label, () => {
      if (this.process.isAlive || hasLeft) this.#workThere(work);
    });
  }

  #workThere(work: () => void): void {
    if (this.core.era !== this.#era) return;
    if (this.core.plan.kind === "sqlite") this.process.run(this.#label, work);
    else work();
  }

  #delayMs(): number {
    return drawDelayMs(this.core.rng, this.core.plan.delay);
  }
}

/** Rejects as the real adapters do when the store cannot be reached. */
async function failing(): Promise<never> {
  throw new Fault(ErrorReason.STORE_UNAVAILABLE, "simulated: the store is away", { retryDelayMs });
}
