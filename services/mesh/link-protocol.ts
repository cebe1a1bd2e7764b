/** Link protocols from `min` to `max`, both inclusive. */
export interface ProtocolRange {
  readonly min: number;
  readonly max: number;
}

/** The protocols that this program speaks. A change that the other side must understand raises `max`. */
export const linkProtocol: ProtocolRange = { min: 1, max: 1 };

/** The protocol that two nodes speak: the highest that both know; undefined when they have none in common. */
export function commonProtocol(one: ProtocolRange, other: ProtocolRange): number | undefined {
  const highest = Math.min(one.max, other.max);
  return highest >= Math.max(one.min, other.min) ? highest : undefined;
}

/** For people: `1 to 2`. */
export function formatProtocolRange({ min, max }: ProtocolRange): string {
  return min === max ? `${min}` : `${min} to ${max}`;
}
