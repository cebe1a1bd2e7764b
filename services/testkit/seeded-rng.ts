import type { Rng } from "../kernel/rng.ts";

/** A reproducible source of randomness: the same seed gives the same numbers, for ever. Not for secrets. */
export interface SeededRng extends Rng {
  /** A whole number in [0, below); `below` from 1 to 2^32. */
  integerBelow(below: number): number;
  /** One element of `choices`, which must not be empty. */
  pick<T>(choices: readonly T[]): T;
  /** An independent generator, so that one part's draws do not shift another's. */
  fork(): SeededRng;
}

/**
 * Creates a generator from a 32-bit seed. The numbers come from sfc32 (Doty-Humphrey's PractRand), whose
 * state is filled from the seed by a splitmix step; it passes the usual statistical tests and needs no bigint.
 */
export function seededRng(seed: number): SeededRng {
  const next = sfc32(seed);
  const fraction = (): number => next() / 2 ** 32;
  const integerBelow = (below: number): number => Math.floor(fraction() * below);
  const bytes = (length: number): Uint8Array<ArrayBuffer> => {
    const result = new Uint8Array(length);
    for (let index = 0; index < length; index += 1) result[index] = next() >>> 24;
    return result;
  };
  return {
    bytes,
    fraction,
    integerBelow,
    uuid: () => formatUuid(bytes(16)),
    pick: (choices) => {
      const choice = choices[integerBelow(choices.length)];
      if (choice === undefined) throw new Error("cannot pick from an empty list");
      return choice;
    },
    fork: () => seededRng(next()),
  };
}

function sfc32(seed: number): () => number {
  let [a, b, c, counter] = [splitmix32(seed), splitmix32(seed + 1), splitmix32(seed + 2), 1];
  const next = (): number => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + result;
    return result >>> 0;
  };
  // The first outputs still show how close two seeds were.
  for (let index = 0; index < 12; index += 1) next();
  return next;
}

function splitmix32(seed: number): number {
  let mixed = (seed + 0x9e3779b9) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return mixed ^ (mixed >>> 15);
}

/** Version 4, variant 1, as RFC 9562 section 5.4 lays them out. */
function formatUuid(bytes: Uint8Array): string {
  const marked = Uint8Array.from(bytes, (byte, index) => {
    if (index === 6) return (byte & 0x0f) | 0x40;
    if (index === 8) return (byte & 0x3f) | 0x80;
    return byte;
  });
  const hex = Buffer.from(marked).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
