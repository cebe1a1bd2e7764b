/** How commands and their results travel. The mesh knows nothing else about them. */
export interface CommandCodec<Command, Result> {
  /** The name of the call. */
  readonly name: string;
  encode(command: Command): Uint8Array;
  /** `expireMs` on this node's monotonic clock: from then on nobody waits for the answer. Throws for what is no command. */
  decode(body: Uint8Array, expireMs: number): Command;
  encodeResult(result: Result): Uint8Array;
  /** Throws for what is no result. */
  decodeResult(body: Uint8Array): Result;
  /** Says that nothing is known to be taken: the command is to be given out again, as one that was given out before. */
  readonly moved: Result;
  /** How long somebody waits for the result, in milliseconds; 0 or less when nobody does any more. */
  leftMs(command: Command): number;
}

/** Serves a command at this node. Rejects only for a bug. */
export type CommandHandler<Command, Result> = (command: Command) => Promise<Result>;
