/** What was thrown, in the form that a log line or a cause takes: JavaScript lets anything be thrown. */
export function thrownError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
