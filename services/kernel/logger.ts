/** Fields of a log line. Never put message contents, tokens or passwords here. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | Error | undefined>>;

/** A structured log. `child` adds fields to every line. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

/** A log that keeps nothing, for tests that do not look at it. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
