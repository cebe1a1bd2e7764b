import { hash, parseOptions, verify } from "@node-rs/argon2";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import { createSemaphore } from "../kernel/semaphore.ts";
import {
  hashesAtOnceMax,
  hashesWaitingMax,
  hashRetryDelayMs,
  importedHashLanesMax,
  importedHashMemoryKibMax,
  importedHashPassesMax,
} from "./limits.ts";

/** What one password costs with Argon2id (RFC 9106). */
export interface PasswordCost {
  /** In KiB. */
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

/** The first choice of OWASP's Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane. */
export const passwordCostDefault: PasswordCost = { memoryKib: 19_456, passes: 2, lanes: 1 };

const saltBytes = 16;

/** Hashes and checks passwords, a bounded number at once. */
export interface PasswordHasher {
  /** A PHC string. Rejects with Fault OVERLOADED when the queue is full, or with the signal's reason. */
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /**
   * Whether `password` is the one that `phc` was made from; false, after the same work, when there is none.
   * Rejects as `hash` does.
   */
  verify(phc: string | undefined, password: string, signal?: AbortSignal): Promise<boolean>;
}

/** What a hasher works with. */
export interface PasswordHasherOptions {
  readonly cost: PasswordCost;
  readonly rng: Rng;
  readonly metrics: Metrics;
}

/** Creates a hasher; it hashes once, to have something of equal cost to compare with for unknown handles. */
export async function createPasswordHasher(options: PasswordHasherOptions): Promise<PasswordHasher> {
  const { cost, rng, metrics } = options;
  const turns = createSemaphore({
    name: "password_hash",
    limit: hashesAtOnceMax,
    queueMax: hashesWaitingMax,
    retryDelayMs: hashRetryDelayMs,
    metrics,
  });
  const hashNow = (password: string | Uint8Array): Promise<string> =>
    hash(password, {
      memoryCost: cost.memoryKib,
      timeCost: cost.passes,
      parallelism: cost.lanes,
      salt: rng.bytes(saltBytes),
    });
  const nobodysHash = await hashNow(rng.bytes(32));
  return {
    hash: (password, signal) => turns.run(() => hashNow(password), signal),
    verify: async (phc, password, signal) => {
      const matches = await turns.run(() => verify(phc ?? nobodysHash, password), signal);
      return matches && phc !== undefined;
    },
  };
}

/** Throws an Error when `cost` is below the default and the node is a production one. */
export function assertPasswordCost(cost: PasswordCost, production: boolean): void {
  const { memoryKib, passes, lanes } = passwordCostDefault;
  if (!production || (cost.memoryKib >= memoryKib && cost.passes >= passes && cost.lanes >= lanes)) return;
  throw new Error(
    `A password cost of ${cost.memoryKib} KiB, ${cost.passes} passes and ${cost.lanes} lanes is for tests only: ` +
      `outside dev it must be at least ${memoryKib} KiB, ${passes} passes and ${lanes} lane.`,
  );
}

/** Why `phc` cannot be taken over as a password hash, or undefined when it can. */
export function passwordHashProblem(phc: string): string | undefined {
  if (!/^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[\w+/]+\$[\w+/]+$/.test(phc)) {
    return "it is not a PHC string of Argon2id version 19";
  }
  try {
    const { memoryCost, timeCost, parallelism } = parseOptions(phc);
    const tooDear =
      memoryCost > importedHashMemoryKibMax ||
      timeCost > importedHashPassesMax ||
      parallelism > importedHashLanesMax;
    return tooDear
      ? `it costs more than ${importedHashMemoryKibMax} KiB, ${importedHashPassesMax} passes or ${importedHashLanesMax} lanes`
      : undefined;
  } catch {
    return "its parameters are out of range";
  }
}
