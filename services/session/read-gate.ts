/** Lets readers through while its condition holds; whoever changes the condition calls `look`. */
export class ReadGate {
  readonly #isOpen: () => boolean;
  #waiting: (() => void)[] = [];

  constructor(isOpen: () => boolean) {
    this.#isOpen = isOpen;
  }

  /** Resolves when the gate is open. */
  whenOpen(): Promise<void> {
    if (this.#isOpen()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets those who wait through if the gate is open now. */
  look(): void {
    if (this.#waiting.length === 0 || !this.#isOpen()) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}
