import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Gauge, Metrics } from "../kernel/metrics.ts";

/** An outage is worth a warning from here on, in milliseconds: by now others may have dropped this node. */
export const outageWarnMs = 10_000;

/** An outage is worth an error from here on, and one more each time that it has gone on for as long; in milliseconds. */
export const outageErrorMs = 60_000;

type Level = "info" | "warn" | "error";

interface Outage {
  readonly sinceMs: number;
  readonly error: Error;
  /** What was logged of it last, and when. */
  readonly level: Level | undefined;
  readonly loggedMs: number;
}

/** Whether the coordinator answers, told to people: a short outage in one quiet line, a long one ever louder. */
export class CoordinatorOutage {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #available: Gauge;
  #outage: Outage | undefined;

  constructor(clock: Clock, logger: Logger, metrics: Metrics) {
    this.#clock = clock;
    this.#logger = logger;
    this.#available = metrics.gauge(
      "coordinator_available",
      "Whether the last call to the coordinator was answered",
    );
    this.#available.set(0);
  }

  /** What the last call failed with; undefined while the coordinator answers. */
  get error(): Error | undefined {
    return this.#outage?.error;
  }

  /** A call failed. */
  failed(error: Error): void {
    this.#available.set(0);
    const nowMs = this.#clock.monotonicMs();
    const {
      sinceMs,
      level: before,
      loggedMs,
    } = this.#outage ?? { sinceMs: nowMs, level: undefined, loggedMs: nowMs };
    const level = levelOf(nowMs - sinceMs);
    const isNews = level !== before || (level === "error" && nowMs - loggedMs >= outageErrorMs);
    this.#outage = { sinceMs, error, level, loggedMs: isNews ? nowMs : loggedMs };
    if (!isNews) return;
    const awayMs = Math.round(nowMs - sinceMs);
    const message =
      "a call to the coordinator failed: until one succeeds the last list of nodes stays in use";
    this.#logger[level](message, { awayMs, error });
  }

  /** A call was answered. */
  answered(): void {
    this.#available.set(1);
    if (this.#outage === undefined) return;
    const awayMs = Math.round(this.#clock.monotonicMs() - this.#outage.sinceMs);
    this.#outage = undefined;
    this.#logger.info("the coordinator answers again", { awayMs });
  }
}

function levelOf(awayMs: number): Level {
  if (awayMs >= outageErrorMs) return "error";
  return awayMs >= outageWarnMs ? "warn" : "info";
}
