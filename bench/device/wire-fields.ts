/** The kinds of fields that the frames have: a number, or bytes with a length. */
const varintWire = 0;
const lengthWire = 2;

/**
 * Walks over the fields of an encoded protobuf message without decoding it, so that a load generator costs little.
 * `take` gets a field's number and, for a field with a length, its bounds; for a varint its value and no bounds.
 * Throws a plain error at a fixed-width field: the frames have none.
 */
export function walkFields(
  bytes: Buffer,
  bounds: { readonly start: number; readonly end: number },
  take: (field: number, start: number, end: number) => void,
): void {
  let offset = bounds.start;
  while (offset < bounds.end) {
    const tag = readVarint(bytes, offset);
    const value = readVarint(bytes, tag.next);
    const wire = tag.value & 7;
    if (wire === varintWire) {
      take(tag.value >>> 3, value.value, -1);
      offset = value.next;
    } else if (wire === lengthWire) {
      offset = value.next + value.value;
      take(tag.value >>> 3, value.next, offset);
    } else {
      throw new Error(`wire type ${wire} is not read here`);
    }
  }
}

/** A number of up to 53 bits and where it ends. */
export function readVarint(bytes: Buffer, start: number): { readonly value: number; readonly next: number } {
  let value = 0;
  let scale = 1;
  let offset = start;
  for (;;) {
    const byte = bytes[offset] ?? 0;
    offset += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, next: offset };
    scale *= 128;
  }
}

/** Encodes a number of up to 53 bits. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
