/** One attach of a device, as far as its place among the others goes. */
export interface AttachOrder {
  /** Rises with each attach that the store has heard of, whatever order they come in. */
  readonly generation: bigint;
  /** As the device numbers its attaches; 0: it does not. */
  readonly ordinal: bigint;
}

/**
 * Whether one attach of a device is newer than another one. The device knows best, where it says so: an attach that it gave
 * up may reach the store after the one that took its place.
 */
export function isNewer(one: AttachOrder, other: AttachOrder): boolean {
  const isNumbered = one.ordinal > 0n && other.ordinal > 0n;
  if (isNumbered && one.ordinal !== other.ordinal) return one.ordinal > other.ordinal;
  return one.generation > other.generation;
}
