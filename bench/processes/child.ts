import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a child process can be asked for: functions of one argument by name. */
export type Tasks<T> = { readonly [Name in keyof T]: (argument: never) => unknown };

/** A process of the benchmark's own that does what it is asked for. */
export interface Child<T extends Tasks<T>> extends AsyncDisposable {
  readonly pid: number;
  /** Runs one task there. Throws what the task threw, as text, or when the process ended. */
  ask<Name extends keyof T & string>(
    name: Name,
    argument: Parameters<T[Name]>[0],
  ): Promise<Awaited<ReturnType<T[Name]>>>;
}

/** The other end is typed by the same tasks, so that a result is whatever its asker expects. */
interface Answer {
  readonly id: number;
  readonly result: never;
  readonly error?: string;
}

interface Asked {
  settle(answer: Answer): void;
  fail(error: Error): void;
}

/** Starts a script of this folder that calls `answerTasks`. */
export async function startChild<T extends Tasks<T>>(
  script: URL,
  nodeOptions: readonly string[] = [],
): Promise<Child<T>> {
  const child = fork(fileURLToPath(script), {
    execPath: process.execPath,
    execArgv: [...nodeOptions],
    serialization: "advanced",
  });
  const waiting = new Map<number, Asked>();
  child.on("message", (answer: Answer) => {
    waiting.get(answer.id)?.settle(answer);
    waiting.delete(answer.id);
  });
  child.once("exit", (code) => {
    for (const asked of waiting.values()) asked.fail(new Error(`${script.pathname} ended with ${code}`));
    waiting.clear();
  });
  await once(child, "spawn");
  let lastId = 0;
  return {
    pid: child.pid ?? 0,
    ask: <Name extends keyof T & string>(name: Name, argument: Parameters<T[Name]>[0]) => {
      const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<T[Name]>>>();
      lastId += 1;
      waiting.set(lastId, {
        settle: ({ result, error }) => (error === undefined ? resolve(result) : reject(new Error(error))),
        fail: reject,
      });
      child.send({ id: lastId, name, argument });
      return promise;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

/** The child's side: answers each request with what the task of that name returns. */
export function answerTasks<T extends Tasks<T>>(tasks: T): void {
  process.on("message", (request: Request<T>) => void respond(tasks, request));
  process.once("disconnect", () => process.exit());
}

interface Request<T> {
  readonly id: number;
  readonly name: keyof T;
  readonly argument: never;
}

async function respond<T extends Tasks<T>>(tasks: T, { id, name, argument }: Request<T>): Promise<void> {
  try {
    process.send?.({ id, result: await tasks[name](argument) });
  } catch (thrown) {
    process.send?.({
      id,
      error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
    });
  }
}
