import type { SimScheduler } from "./sim-scheduler.ts";

/** No simulation of a test lasts longer, in virtual milliseconds. */
const virtualMsMax = 1e12;

/**
 * Lets time pass by itself as long as anything is due, for suites that know nothing of virtual time: call what it returns
 * after whatever may have made something due.
 */
export function selfRunning(scheduler: SimScheduler): () => void {
  let isRunning = false;
  const run = async (): Promise<void> => {
    isRunning = true;
    await scheduler.runUntil(() => scheduler.pending === 0, virtualMsMax);
    isRunning = false;
  };
  return () => {
    if (!isRunning) void run();
  };
}

/** The same object, after each of whose calls `run` is called. */
export function callsRun<Target extends object>(target: Target, run: () => void): Target {
  return new Proxy(target, {
    get: (object, name) => {
      const method: unknown = Reflect.get(object, name);
      if (typeof method !== "function") return method;
      return (...values: unknown[]): unknown => {
        const answer: unknown = Reflect.apply(method, object, values);
        run();
        return answer;
      };
    },
  });
}
