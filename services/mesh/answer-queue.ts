import type { NodeCallResult } from "../../gen/parley/mesh/v1/link_pb.ts";

/** Answers to calls that wait to be sent, in order. Bounded by its owner, who takes no more calls. Pure. */
export class AnswerQueue {
  #answers: NodeCallResult[] = [];
  #start = 0;

  get size(): number {
    return this.#answers.length - this.#start;
  }

  push(answer: NodeCallResult): void {
    this.#answers.push(answer);
  }

  /** Takes out at most `answersMax` answers, the oldest first, of at most `bytesMax` bytes; one at least. */
  take(answersMax: number, bytesMax: number): NodeCallResult[] {
    const taken: NodeCallResult[] = [];
    let bytes = 0;
    while (taken.length < answersMax) {
      const answer = this.#answers[this.#start];
      bytes += answer?.outcome.value?.length ?? 0;
      if (answer === undefined || (taken.length > 0 && bytes > bytesMax)) break;
      taken.push(answer);
      this.#start += 1;
    }
    if (this.#start * 2 >= this.#answers.length) {
      this.#answers = this.#answers.slice(this.#start);
      this.#start = 0;
    }
    return taken;
  }
}
