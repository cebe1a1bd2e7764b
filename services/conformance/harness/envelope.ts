/** Bytes before each message of a stream: flags, then the length, big-endian. Shared by Connect, gRPC and gRPC-Web. */
const headBytes = 5;

/** Connect's flag of the last envelope of a stream, which holds JSON. */
export const endOfStreamFlag = 0b10;

/** One message of a stream as it lies on the wire. */
export interface Envelope {
  readonly flags: number;
  readonly data: Uint8Array;
}

/** Puts the head before a message. */
export function encodeEnvelope(data: Uint8Array): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(data.length, 1);
  return Buffer.concat([head, data]);
}

/** Cuts a stream of bytes, however it was chopped up, into envelopes. Holds at most one unfinished one. */
export class EnvelopeReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Takes more bytes and answers the envelopes that are complete now. */
  push(chunk: Uint8Array): Envelope[] {
    this.#rest = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    const complete: Envelope[] = [];
    while (this.#rest.length >= headBytes) {
      const end = headBytes + this.#rest.readUInt32BE(1);
      if (this.#rest.length < end) break;
      complete.push({ flags: this.#rest.readUInt8(0), data: this.#rest.subarray(headBytes, end) });
      this.#rest = this.#rest.subarray(end);
    }
    return complete;
  }
}
