import type { Socket } from "node:net";

/**
 * One direction of a connection that is passed on: from one socket to the other. While it is cut nothing gets through,
 * neither bytes nor the end, as on a path that loses every packet; afterwards both arrive, since TCP would have said
 * them again. Of what is held back only one chunk is in memory: the sender has to wait.
 */
export class HeldBytes {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #isCut: () => boolean;
  #held: Buffer[] = [];
  #hasEnded = false;

  constructor(from: Socket, to: Socket, isCut: () => boolean) {
    this.#from = from;
    this.#to = to;
    this.#isCut = isCut;
    from.on("data", (chunk: Buffer) => {
      this.#held.push(chunk);
      this.release();
    });
    from.on("close", () => {
      this.#hasEnded = true;
      this.release();
    });
    // Reported by `close`, too.
    from.on("error", () => undefined);
    to.on("drain", () => this.release());
  }

  /** Passes on what may pass now. */
  release(): void {
    if (this.#isCut()) {
      this.#from.pause();
      return;
    }
    let room = !this.#to.writableNeedDrain;
    for (const chunk of this.#held.splice(0)) room = this.#to.write(chunk);
    if (this.#hasEnded) this.#to.destroySoon();
    else if (room) this.#from.resume();
    else this.#from.pause();
  }
}
