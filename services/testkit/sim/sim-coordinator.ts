import { noFreeSlot } from "../../mesh/coordinator/id-slots.ts";
import type { Coordinator, Registration } from "../../mesh/coordinator.ts";
import { firstEpochMark, higherMark } from "../../mesh/epoch-step.ts";
import type { NodeRecord } from "../../mesh/node-record.ts";
import type { EpochMark } from "../../mesh/ports.ts";
import type { SeededRng } from "../seeded-rng.ts";
import { type DelayPlan, drawDelayMs } from "./sim-delay.ts";
import type { SimProcess } from "./sim-process.ts";
import { SimRegistry } from "./sim-registry.ts";
import type { SimScheduler } from "./sim-scheduler.ts";

/** How a coordinator behaves. Rates are of single calls or hints and may be changed at any time. */
export interface CoordinatorPlan {
  /** One way. */
  readonly delay: DelayPlan;
  /** How late a lease may end, in milliseconds. */
  readonly expireLateMsMax: number;
  /** Of calls that are done and whose answers are lost. */
  replyLostRate: number;
  /** Of hints that are not given. */
  hintLostRate: number;
}

/** A coordinator that cannot be reached answers at once, or only after this time, in milliseconds. */
const awayAnswerMs = 3_000;

/** One coordinator for all nodes of a simulation; it survives all of them. */
export class SimCoordinators {
  readonly plan: CoordinatorPlan;
  readonly registry: SimRegistry;
  /** The highest mark of the store that a node has told. */
  mark: EpochMark = firstEpochMark;
  /** Calls that failed. */
  failed = 0;
  readonly #scheduler: SimScheduler;
  readonly #rng: SeededRng;
  readonly #watches = new Set<Watch>();
  readonly #awayFrom = new Set<string>();
  #isAway = false;

  constructor(scheduler: SimScheduler, rng: SeededRng, plan: CoordinatorPlan) {
    this.#scheduler = scheduler;
    this.#rng = rng;
    this.plan = plan;
    const onChange = (): void => this.#hint();
    this.registry = new SimRegistry({ scheduler, rng, lateMsMax: plan.expireLateMsMax, onChange });
  }

  /** The coordinator as a process sees it. */
  open(process: SimProcess): Coordinator {
    const watches = new Set<Watch>();
    let isStopped = false;
    const call = async <T>(apply: () => T): Promise<T> => {
      if (isStopped) throw new Error("the coordinator is stopped");
      return this.#carry(process, apply);
    };
    const stop = async (): Promise<void> => {
      isStopped = true;
      for (const watch of watches) this.#watches.delete(watch);
    };
    return {
      register: (record) => call(() => this.#register(record, call)),
      list: () => call(() => this.registry.list()),
      readMark: () => call(() => this.mark),
      raiseMark: (mark) => call(() => void (this.mark = higherMark(this.mark, mark))),
      watch: (onHint) => {
        const watch: Watch = { process, onHint };
        watches.add(watch);
        this.#watches.add(watch);
        return () => void this.#watches.delete(watch);
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  }

  /** Away for everybody, or back. */
  setAway(isAway: boolean): void {
    this.#scheduler.note(`coordinator ${isAway ? "away" : "back"}`);
    this.#isAway = isAway;
  }

  /** Away for one host, or back. */
  setAwayFrom(host: string, isAway: boolean): void {
    this.#scheduler.note(`coordinator ${isAway ? "away from" : "back for"} ${host}`);
    if (isAway) this.#awayFrom.add(host);
    else this.#awayFrom.delete(host);
  }

  #register(record: NodeRecord, call: <T>(apply: () => T) => Promise<T>): Registration {
    const { nodeId, incarnation } = record;
    const { registry } = this;
    const idSlot = registry.put(record);
    if (idSlot === undefined) throw noFreeSlot(nodeId);
    const state = (): "kept" | "lost" | "replaced" => {
      const found = registry.get(nodeId);
      if (found === undefined) return "lost";
      return found.incarnation === incarnation ? "kept" : "replaced";
    };
    return {
      idSlot,
      renew: (changed) =>
        call(() => {
          const now = state();
          if (now === "kept") registry.put({ ...changed, nodeId, incarnation });
          return now;
        }),
      leave: () =>
        call(() => {
          if (state() === "kept") registry.remove(nodeId);
        }),
    };
  }

  /** Requests outlive their process or not; an answer is heard by that process only. */
  #carry<T>(process: SimProcess, apply: () => T): Promise<T> {
    const label = `${process.name} coordinator`;
    return new Promise((resolve, reject) => {
      const fail = (message: string, extraMs: number): void => {
        this.failed += 1;
        process.after(this.#delayMs() + extraMs, label, () => reject(new Error(message)));
      };
      const hasLeft = this.#rng.fraction() < 0.5;
      this.#scheduler.after(this.#delayMs(), label, () => {
        if (!process.isAlive && !hasLeft) return;
        if (this.#isAway || this.#awayFrom.has(process.name)) {
          fail("simulated: the coordinator is away", this.#rng.fraction() < 0.5 ? 0 : awayAnswerMs);
          return;
        }
        try {
          const answer = apply();
          if (this.#rng.fraction() < this.plan.replyLostRate)
            fail("simulated: the reply was lost", awayAnswerMs);
          else process.after(this.#delayMs(), label, () => resolve(answer));
        } catch (error) {
          process.after(this.#delayMs(), label, () => reject(error));
        }
      });
    });
  }

  #hint(): void {
    for (const watch of this.#watches) {
      const { process, onHint } = watch;
      if (this.#isAway || this.#awayFrom.has(process.name)) continue;
      if (this.#rng.fraction() < this.plan.hintLostRate) continue;
      process.after(this.#delayMs(), `${process.name} hint`, () => {
        if (this.#watches.has(watch)) onHint();
      });
    }
  }

  #delayMs(): number {
    return drawDelayMs(this.#rng, this.plan.delay);
  }
}

interface Watch {
  readonly process: SimProcess;
  readonly onHint: () => void;
}
