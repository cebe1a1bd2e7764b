/** Randomness, as everything above the kernel sees it. The simulator supplies a seeded one. */
export interface Rng {
  /** `length` random bytes; from the system's cryptographic source in production. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** A random UUID (version 4) in its usual lower-case form. */
  uuid(): string;
  /** A number in [0, 1), for jitter only, never for secrets. */
  fraction(): number;
}
