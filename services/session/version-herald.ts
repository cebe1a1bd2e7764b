import { create, toBinary } from "@bufbuild/protobuf";
import { SignalSchema, VersionsSchema } from "../../gen/parley/session/v1/session_pb.ts";
import type { VersionSource } from "./ports.ts";

/** The first byte of an encoded Signal whose kind is `versions`: field 4, length-delimited. */
const versionsTag = (4 << 3) | 2;

/** Knows the Versions signal that is repeated with every ping, which is what makes a lost one harmless. */
export class VersionHerald {
  readonly #source: VersionSource;
  readonly #accountId: string;
  #signal: Uint8Array;
  #reading: Promise<Uint8Array> | undefined;

  constructor(source: VersionSource, accountId: string, conversations: string) {
    this.#source = source;
    this.#accountId = accountId;
    this.#signal = encode(conversations);
  }

  /** Remembers a signal that came by, if it tells versions. */
  observe(signal: Uint8Array): void {
    if (signal[0] === versionsTag) this.#signal = signal;
  }

  /** The signal to repeat: read anew, or the last one known when it cannot be read. One read at a time. */
  refresh(): Promise<Uint8Array> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<Uint8Array> {
    try {
      this.#signal = encode(await this.#source.conversations(this.#accountId));
    } catch {
      // With the store away the last version known is as good as none; the next ping tries again.
    }
    return this.#signal;
  }
}

function encode(conversations: string): Uint8Array {
  const value = create(VersionsSchema, { conversations });
  return toBinary(SignalSchema, create(SignalSchema, { kind: { case: "versions", value } }));
}
