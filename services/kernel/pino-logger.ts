import { type DestinationStream, destination, type Logger as Pino, pino, stdSerializers } from "pino";
import type { Clock } from "./clock.ts";
import { formatLogLine } from "./log-line.ts";
import type { LogFields, Logger } from "./logger.ts";

/** From the most to the least talkative; `silent` writes nothing. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** How a node logs. */
export interface LoggerOptions {
  readonly clock: Clock;
  readonly level: LogLevel;
  /** One JSON object a line for machines, or one readable line for people. */
  readonly format: "json" | "text";
  /**
   * Takes each finished line, with its newline; standard error when unset, written at once, so that a crash
   * loses no line.
   */
  readonly write?: (line: string) => void;
}

/** Fields whose names hold one of these words are never written, whatever somebody puts there. */
const secretName = /token|password|passphrase|secret|authorization|cookie|credential/i;

/** Values that give themselves away: bearer tokens and JWTs inside any text. */
const secretText = /\bBearer\s+[\w.~+/=-]+|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+/g;

/** Creates a log on pino. It is the second line of defence only: contents and tokens are not to be logged at all. */
export function pinoLogger(options: LoggerOptions): Logger {
  const { write } = options;
  const target: DestinationStream = write === undefined ? destination({ fd: 2, sync: true }) : { write };
  const stream: DestinationStream =
    options.format === "json" ? target : { write: (line) => target.write(formatLogLine(line)) };
  const settings = {
    level: options.level,
    base: null,
    messageKey: "message",
    timestamp: () => `,"time":"${new Date(options.clock.wallMs()).toISOString()}"`,
    formatters: { level: (level: string) => ({ level }) },
  };
  return adapt(pino(settings, stream));
}

function adapt(log: Pino): Logger {
  return {
    debug: (message, fields) => log.debug(clean(fields), cleanText(message)),
    info: (message, fields) => log.info(clean(fields), cleanText(message)),
    warn: (message, fields) => log.warn(clean(fields), cleanText(message)),
    error: (message, fields) => log.error(clean(fields), cleanText(message)),
    child: (fields) => adapt(log.child(clean(fields))),
  };
}

function clean(fields: LogFields = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, secretName.test(name) ? "***" : cleanValue(value)]),
  );
}

function cleanValue(value: LogFields[string]): unknown {
  if (typeof value === "string") return cleanText(value);
  // As text, because JSON numbers lose what lies beyond 2^53.
  if (typeof value === "bigint") return String(value);
  if (!(value instanceof Error)) return value;
  const { type, message, stack } = stdSerializers.err(value);
  return { type, message: cleanText(message), stack: cleanText(stack) };
}

function cleanText(text: string): string {
  return text.replaceAll(secretText, "***");
}
