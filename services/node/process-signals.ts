/** Aborts at the first SIGINT or SIGTERM; the second one ends the process at once with `exitCodeEarly`. */
export function firstSignal(exitCodeEarly: number): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    // This is the one place that ends the process by force: a person who asks twice does not want to wait.
    if (controller.signal.aborted) process.exit(exitCodeEarly);
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return controller.signal;
}
