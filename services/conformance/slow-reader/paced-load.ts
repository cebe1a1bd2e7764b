import type { Device } from "../harness/device.ts";
import { pause } from "../harness/pause.ts";
import type { SendJournal } from "../harness/send-journal.ts";

/** Between two rounds of sends, in milliseconds. */
const tickMs = 10;

/** With so many unanswered sends no more are made: the node cannot keep up, and a queue here would measure itself. */
const unansweredMax = 1_000;

/** Characters of a message: that of an ordinary line of chat with its envelope. */
const textLength = 120;

/** When each message left, by its text. */
export type SentTimes = Map<string, number>;

/** What a load has done. */
export interface LoadResult {
  readonly sent: number;
  /** Sends that the rate called for and that were left out, because too many were unanswered. */
  readonly leftOut: number;
}

/**
 * Sends to one conversation at a fixed rate, whatever comes back (an open loop, so that a slow answer does not slow the
 * load down), in turn from several devices. Resolves when the time is over and all is answered.
 */
export async function sendAtRate(
  senders: readonly Device[],
  options: {
    readonly journal: SendJournal;
    readonly conversationId: string;
    readonly perSecond: number;
    readonly seconds: number;
    readonly name: string;
    readonly sentMs: SentTimes;
  },
): Promise<LoadResult> {
  const { journal, conversationId, perSecond, seconds, name, sentMs } = options;
  const startedMs = performance.now();
  const answers: Promise<unknown>[] = [];
  let [due, leftOut] = [0, 0];
  for (let elapsedMs = 0; elapsedMs < seconds * 1000; elapsedMs = performance.now() - startedMs) {
    for (; due < (elapsedMs / 1000) * perSecond; due += 1) {
      const sender = senders[due % senders.length];
      if (sender === undefined || journal.unsettled >= unansweredMax) {
        leftOut += 1;
        continue;
      }
      const text = `${name} ${due} `.padEnd(textLength, ".");
      sentMs.set(text, performance.now());
      answers.push(journal.sendOnStream(sender, conversationId, text));
    }
    await pause(tickMs);
  }
  await Promise.all(answers);
  return { sent: answers.length, leftOut };
}
