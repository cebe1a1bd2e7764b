/** Takes steps, one after the other and at least one, until something has ended; what that came to. */
export async function whilePending<T>(pending: Promise<T>, step: () => Promise<void>): Promise<T> {
  const ended = new AbortController();
  const settled = pending.finally(() => ended.abort());
  // Whoever waits below hears of a failure; until then it is no unhandled one.
  settled.catch(() => undefined);
  do await step();
  while (!ended.signal.aborted);
  return await settled;
}
