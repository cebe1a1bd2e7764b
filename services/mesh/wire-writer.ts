import { WireType } from "@bufbuild/protobuf/wire";

/** A tag and a length in front of everything that was written: one byte, and a varint of five. */
const prefixBytesMax = 6;

/** What a field takes at most beside its contents: its tag, and a varint of ten bytes. */
export const fieldBytesMax = 11;

/** How many bytes a text may take in a field, at most. */
export function textBytesMax(text: string): number {
  return fieldBytesMax + 3 * text.length;
}

/**
 * Writes one protobuf message into one buffer. `BinaryWriter` of the runtime collects lists of chunks, which takes several
 * times as long; this one wants to know beforehand how much room there has to be. Field numbers are below 16, so that a
 * tag is one byte. As proto3 has it, what is empty or 0 is not written.
 */
export class WireWriter {
  readonly #bytes: Buffer;
  #end = prefixBytesMax;

  /** `capacity`: how many bytes the message has, at most. */
  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(prefixBytesMax + capacity);
  }

  text(field: number, value: string): void {
    if (value !== "") this.item(field, value);
  }

  bytes(field: number, value: Uint8Array): void {
    if (value.length > 0) this.item(field, value);
  }

  /** A length-delimited field that is written even when it is empty, as those of a list are. */
  item(field: number, value: string | Uint8Array): void {
    this.#tag(field, WireType.LengthDelimited);
    if (typeof value === "string") {
      this.#varint(Buffer.byteLength(value));
      this.#end += this.#bytes.write(value, this.#end);
    } else {
      this.#varint(value.length);
      this.#bytes.set(value, this.#end);
      this.#end += value.length;
    }
  }

  /** A whole number up to 2^53. */
  number(field: number, value: number): void {
    if (value === 0) return;
    this.#tag(field, WireType.Varint);
    this.#varint(value);
  }

  uint64(field: number, value: bigint): void {
    if (value === 0n) return;
    this.#tag(field, WireType.Varint);
    let rest = value;
    for (; rest > Number.MAX_SAFE_INTEGER; rest >>= 7n) this.#byte(Number(rest & 0x7fn) | 0x80);
    this.#varint(Number(rest));
  }

  /** The message. */
  finish(): Uint8Array {
    return this.#view(prefixBytesMax);
  }

  /** The message as a field of another one, which is thereby complete. */
  finishAs(field: number): Uint8Array {
    const end = this.#end;
    const length = end - prefixBytesMax;
    const start = prefixBytesMax - 1 - varintLength(length);
    this.#end = start;
    this.#tag(field, WireType.LengthDelimited);
    this.#varint(length);
    this.#end = end;
    return this.#view(start);
  }

  #tag(field: number, type: WireType): void {
    this.#byte((field << 3) | type);
  }

  #varint(value: number): void {
    let rest = value;
    // Beyond 32 bits the bit operators of JavaScript lose bits.
    for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) this.#byte((rest % 128) | 0x80);
    for (; rest > 0x7f; rest >>>= 7) this.#byte((rest & 0x7f) | 0x80);
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#bytes[this.#end] = value;
    this.#end += 1;
  }

  /** A plain Uint8Array, so that nobody comes to rely on its being a Buffer. */
  #view(start: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, this.#end - start);
  }
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) length += 1;
  return length;
}
