import { argumentDepthMax } from "./limits.ts";

const scalarBytes = 8;
const objectBytes = 16;

/**
 * Roughly the bytes that `value` takes in a queue, for limits and never for accounting: 8 for a
 * scalar, 2 for a UTF-16 unit, a view's own length, 16 for each object or array around them.
 * Throws a RangeError for nesting over `argumentDepthMax`, which also catches cycles.
 */
export function estimateBytes(value: unknown, depth = 0): number {
  if (typeof value === "string") return 2 * value.length + scalarBytes;
  if (typeof value !== "object" || value === null) return scalarBytes;
  if (depth >= argumentDepthMax) {
    throw new RangeError(`An argument is nested deeper than ${argumentDepthMax} levels, or is cyclic`);
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength + objectBytes;
  let bytes = objectBytes;
  for (const item of itemsOf(value)) bytes += estimateBytes(item, depth + 1);
  return bytes;
}

function itemsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value;
  return value instanceof Map ? [...value.keys(), ...value.values()] : Object.values(value);
}
