import { randomBytes, randomUUID } from "node:crypto";
import type { Rng } from "./rng.ts";

/** The system's source of randomness. */
export function systemRng(): Rng {
  return {
    bytes: (length) => new Uint8Array(randomBytes(length)),
    uuid: () => randomUUID(),
    fraction: () => Math.random(),
  };
}
