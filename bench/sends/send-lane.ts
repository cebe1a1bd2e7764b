/**
 * The sends of one stream to its conversation. After a refusal or an unknown outcome a node takes no later ones until those
 * that failed have come again in their order: so what failed, and what would be sent meanwhile, waits until everything under
 * way is answered, and is then repeated from the oldest. Pure.
 */
export class SendLane {
  #underWay = 0;
  #waiting: number[] = [];

  /** Whether the send with this number may go now; it waits otherwise. */
  begin(number: number): boolean {
    if (this.#waiting.length > 0) {
      this.#waiting.push(number);
      return false;
    }
    this.#underWay += 1;
    return true;
  }

  /** One that went is answered. Whether it is time to repeat, after a pause, what waits. */
  end(number: number, failed: boolean): boolean {
    this.#underWay -= 1;
    if (failed) this.#waiting.push(number);
    return this.#underWay === 0 && this.#waiting.length > 0;
  }

  /** What is to be sent again, in order; it counts as under way from now on. */
  repeat(): number[] {
    const repeated = this.#waiting.sort((one, other) => one - other);
    this.#waiting = [];
    this.#underWay += repeated.length;
    return repeated;
  }
}
