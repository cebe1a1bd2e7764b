import type { Timer } from "../../kernel/clock.ts";
import type { SeededRng } from "../seeded-rng.ts";
import { SimClock } from "./sim-clock.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimScheduler } from "./sim-scheduler.ts";

/** A turn of a loop takes this long, in virtual milliseconds: a loop that only turns does not stop time. */
const turnMs = 0.02;

/** Turns that were taken and are still in the list; it is shortened then. */
const turnsKeptMax = 1_024;

interface Task {
  readonly label: string;
  callback: (() => void) | undefined;
}

/**
 * A machine with at most one process. Everything that a process does begins with an event of its own: a timer, a turn,
 * or something that reaches it. So killing it means that none of these comes any more, and freezing it that they wait.
 */
export class SimHost {
  readonly name: string;
  /** How fast its clocks run; 1 is right. Counts from the next boot. */
  clockRate = 1;
  /** How far its wall is from the right time, in milliseconds. */
  wallOffsetMs = 0;
  readonly #scheduler: SimScheduler;
  readonly #rng: SeededRng;
  #process: Process | undefined;
  #lives = 0;

  constructor(scheduler: SimScheduler, name: string, rng: SeededRng) {
    this.#scheduler = scheduler;
    this.name = name;
    this.#rng = rng;
  }

  /** The process that runs or is frozen. */
  get process(): SimProcess | undefined {
    return this.#process;
  }

  /** Starts a new process, which knows nothing of the one before. Throws when one is alive. */
  boot(): SimProcess {
    if (this.#process !== undefined) throw new Error(`${this.name} has a process already`);
    this.#lives += 1;
    this.#process = new Process(this, {
      scheduler: this.#scheduler,
      rng: this.#rng.fork(),
      life: this.#lives,
    });
    return this.#process;
  }

  /**
   * The process is gone in this moment: nothing of it runs again. Silently: with its whole machine, which therefore tells
   * nobody.
   */
  crash(how: { readonly isSilent: boolean } = { isSilent: false }): void {
    this.#scheduler.note(`${this.name} crashes${how.isSilent ? " silently" : ""}`);
    const process = this.#process;
    this.#process = undefined;
    process?.end(how.isSilent);
  }

  /** The process stands still; what comes due waits. Its clocks and its connections go on. */
  freeze(): void {
    this.#scheduler.note(`${this.name} freezes`);
    this.#process?.freeze();
  }

  /** What came due meanwhile happens now, in order. */
  thaw(): void {
    this.#scheduler.note(`${this.name} thaws`);
    this.#process?.thaw();
  }
}

interface ProcessOptions {
  readonly scheduler: SimScheduler;
  readonly rng: SeededRng;
  readonly life: number;
}

class Process implements SimProcess {
  readonly name: string;
  readonly life: number;
  readonly scheduler: SimScheduler;
  readonly rng: SeededRng;
  readonly clock: SimClock;
  freezes = 0;
  readonly #turnLabel: string;
  readonly #turns: Task[] = [];
  #turnsTaken = 0;
  readonly #onEnd: ((isSilent: boolean) => void)[] = [];
  #state: "running" | "frozen" | "thawing" | "dead" = "running";
  /** Came due while it was frozen, oldest first. */
  #held: Task[] = [];

  constructor(host: SimHost, { scheduler, rng, life }: ProcessOptions) {
    this.name = host.name;
    this.life = life;
    this.scheduler = scheduler;
    this.rng = rng;
    this.#turnLabel = `${host.name} turn`;
    this.clock = new SimClock(this, host);
  }

  get isAlive(): boolean {
    return this.#state !== "dead";
  }

  get isFrozen(): boolean {
    return this.#state === "frozen";
  }

  run(label: string, callback: () => void): void {
    this.#due({ label, callback });
  }

  after(delayMs: number, label: string, callback: () => void): Timer {
    if (!this.isAlive) return neverRuns;
    const task: Task = { label, callback };
    const event = this.scheduler.after(delayMs, label, () => this.#due(task));
    return {
      cancel: () => {
        task.callback = undefined;
        event.cancel();
      },
    };
  }

  nextTurn(callback: () => void): Timer {
    if (!this.isAlive) return neverRuns;
    const task: Task = { label: this.#turnLabel, callback };
    this.#turns.push(task);
    if (this.#turns.length - this.#turnsTaken === 1) this.#scheduleTurn();
    return { cancel: () => void (task.callback = undefined) };
  }

  onEnd(onEnd: (isSilent: boolean) => void): void {
    this.#onEnd.push(onEnd);
  }

  end(isSilent: boolean): void {
    this.#state = "dead";
    this.#held = [];
    this.#turns.length = 0;
    for (const onEnd of this.#onEnd) onEnd(isSilent);
  }

  freeze(): void {
    if (!this.isAlive || this.isFrozen) return;
    this.freezes += 1;
    this.#state = "frozen";
  }

  thaw(): void {
    if (this.#state !== "frozen") return;
    this.#state = "thawing";
    this.#scheduleHeld();
  }

  #due(task: Task): void {
    if (this.#state === "running") runTask(task);
    else if (this.#state !== "dead") this.#held.push(task);
  }

  /** One by one, since microtasks run between two of them; what comes due meanwhile waits behind. */
  #scheduleHeld(): void {
    this.scheduler.after(0, `${this.name} held`, () => {
      if (this.#state !== "thawing") return;
      const task = this.#held.shift();
      if (task === undefined) this.#state = "running";
      else {
        this.#scheduleHeld();
        runTask(task);
      }
    });
  }

  /** Turns are taken in the order in which they were asked for; other events may come between them. */
  #scheduleTurn(): void {
    this.scheduler.after(turnMs, this.#turnLabel, () => this.#due(this.#turnTask()));
  }

  #turnTask(): Task {
    const callback = (): void => {
      const task = this.#turns[this.#turnsTaken];
      this.#turnsTaken += 1;
      if (this.#turnsTaken < this.#turns.length) this.#scheduleTurn();
      this.#forgetTurns();
      if (task !== undefined) runTask(task);
    };
    return { label: this.#turnLabel, callback };
  }

  #forgetTurns(): void {
    if (this.#turnsTaken < Math.min(this.#turns.length, turnsKeptMax)) return;
    this.#turns.splice(0, this.#turnsTaken);
    this.#turnsTaken = 0;
  }
}

function runTask(task: Task): void {
  const { callback } = task;
  task.callback = undefined;
  callback?.();
}

const neverRuns: Timer = { cancel: () => undefined };
