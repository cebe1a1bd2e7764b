import type { LogFields, Logger } from "../../kernel/logger.ts";
import type { SimProcess } from "./sim-process.ts";

/** Lines that are kept of all nodes together. */
const linesMax = 400;

interface LogLine {
  readonly timeMs: number;
  readonly who: string;
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** The last lines that the nodes of a simulation logged, from `info` on, for the report of a failure. */
export class SimLog {
  readonly #lines: LogLine[] = [];
  #count = 0;

  /** The log of one process. */
  loggerOf(process: SimProcess, fields: LogFields = {}): Logger {
    const log =
      (level: string) =>
      (message: string, more: LogFields = {}): void => {
        process.scheduler.note(`${process.name} ${level}: ${message}`);
        const who = `${process.name}/${process.life}`;
        this.#add({ timeMs: process.scheduler.nowMs, who, level, message, fields: { ...fields, ...more } });
      };
    return {
      debug: () => undefined,
      info: log("info"),
      warn: log("warn"),
      error: log("error"),
      child: (more) => this.loggerOf(process, { ...fields, ...more }),
    };
  }

  /** Oldest first. */
  lines(): string[] {
    const ordered = [
      ...this.#lines.slice(this.#count % linesMax),
      ...this.#lines.slice(0, this.#count % linesMax),
    ];
    return (this.#count < linesMax ? this.#lines : ordered).map(formatLine);
  }

  #add(line: LogLine): void {
    this.#lines[this.#count % linesMax] = line;
    this.#count += 1;
  }
}

function formatLine({ timeMs, who, level, message, fields }: LogLine): string {
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`,
  );
  return `${timeMs.toFixed(3).padStart(12)} ${who} ${level} ${message} ${rest.join(" ")}`.trimEnd();
}
