import type { Clock } from "../kernel/clock.ts";
import type { LogFields, Logger } from "../kernel/logger.ts";

/** What an outage is told with. */
export interface LinkOutageOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** At the other end. */
  readonly nodeId: string;
  readonly awayWarnMs: number;
  readonly awayErrorMs: number;
}

type Level = "info" | "warn" | "error";

/** Whether a link is up, told to people: a short outage in one quiet line, a long one ever louder. */
export class LinkOutage {
  readonly #options: LinkOutageOptions;
  #outage: { readonly sinceMs: number; level: Level; toldMs: number } | undefined;

  constructor(options: LinkOutageOptions) {
    this.#options = options;
  }

  /** The link is up. */
  opened(fields: LogFields): void {
    const { clock, logger, nodeId } = this.#options;
    const awayMs = this.#outage && Math.round(clock.monotonicMs() - this.#outage.sinceMs);
    this.#outage = undefined;
    logger.info("a link to another node is up", { nodeId, ...fields, awayMs });
  }

  /** The link was lost, or could not be opened. */
  failed(reason: string): void {
    const { clock, logger, nodeId, awayErrorMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#outage === undefined) {
      this.#outage = { sinceMs: nowMs, level: "info", toldMs: nowMs };
      logger.info("a link to another node is not up", { nodeId, reason });
      return;
    }
    const awayMs = Math.round(nowMs - this.#outage.sinceMs);
    const level = this.#levelOf(awayMs);
    const isAgain = level === "error" && nowMs - this.#outage.toldMs >= awayErrorMs;
    if (level === this.#outage.level && !isAgain) return;
    this.#outage.level = level;
    this.#outage.toldMs = nowMs;
    logger[level]("another node of the list cannot be reached", { nodeId, awayMs, reason });
  }

  #levelOf(awayMs: number): Level {
    if (awayMs >= this.#options.awayErrorMs) return "error";
    return awayMs >= this.#options.awayWarnMs ? "warn" : "info";
  }
}
