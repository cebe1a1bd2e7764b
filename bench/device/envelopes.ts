const envelopeBytes = 5;

/** One message with its gRPC envelope: a byte of flags, four of length, big-endian. */
export function enveloped(message: Uint8Array): Buffer {
  const buffer = Buffer.alloc(envelopeBytes + message.byteLength);
  buffer.writeUInt32BE(message.byteLength, 1);
  buffer.set(message, envelopeBytes);
  return buffer;
}

/** Cuts a stream of bytes into messages. */
export class EnvelopeReader {
  #rest: Buffer | undefined;

  /** Calls `take` with the bounds of each message that is complete; the bytes are valid during the call only. */
  read(chunk: Buffer, take: (bytes: Buffer, start: number, end: number) => void): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let offset = 0;
    while (bytes.length - offset >= envelopeBytes) {
      const start = offset + envelopeBytes;
      const end = start + bytes.readUInt32BE(offset + 1);
      if (end > bytes.length) break;
      take(bytes, start, end);
      offset = end;
    }
    this.#rest = offset < bytes.length ? bytes.subarray(offset) : undefined;
  }
}
