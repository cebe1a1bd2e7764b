/** Crockford's base32: no i, l, o and u. In ascending order, so that texts sort as their numbers do. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** Characters of an id in text: 13 of 5 bits hold 64 bits, the first one never being more than `f`. */
export const idTextLength = 13;

/**
 * Writes an id as 13 characters that sort like the ids themselves. Throws when `id` is negative or needs more
 * than 64 bits.
 */
export function encodeId(id: bigint): string {
  if (id < 0n || id >= 1n << 64n) throw new Error(`an id has 64 bits without a sign, ${id} has not`);
  let text = "";
  for (let rest = id; text.length < idTextLength; rest >>= 5n)
    text = alphabet.charAt(Number(rest & 31n)) + text;
  return text;
}

/**
 * Reads what `encodeId` wrote, or answers undefined. It is strict (lower case, no look-alikes), so that each
 * id has one text only.
 */
export function decodeId(text: string): bigint | undefined {
  if (!/^[0-9a-f][0-9a-hjkmnp-tv-z]{12}$/.test(text)) return undefined;
  let id = 0n;
  for (const character of text) id = (id << 5n) | BigInt(alphabet.indexOf(character));
  return id;
}
