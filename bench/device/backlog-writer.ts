import { answerTasks } from "../processes/child.ts";
import { SendTemplate } from "./client-frames.ts";
import { type DevicePlace, DeviceStream } from "./device-stream.ts";
import { walkFields } from "./wire-fields.ts";

/** One who writes: where its device attaches, and into which of its conversations. */
export interface BacklogAuthor extends DevicePlace {
  readonly conversationIds: readonly string[];
}

/** What is written. */
export interface Backlog {
  readonly authors: readonly BacklogAuthor[];
  /** Messages to each conversation. */
  readonly perConversation: number;
  readonly textBytes: number;
  /** Keeps ids of one backlog apart from those of an earlier one: 8 hexadecimal digits. */
  readonly run: string;
}

/** Sends without an answer: of one author (a node stops reading at 64), and of all (so that none waits for too long). */
const inFlightOfAuthorMax = 32;
const inFlightMax = 512;

/** The field of SendResult. */
const failedField = 3;

/** Writes what devices are to find in their conversations, in a process of its own. */
export interface BacklogTasks {
  /** Resolves when all is committed; the authors are attached meanwhile. Throws when a send fails. */
  write(backlog: Backlog): Promise<void>;
}

/** One author at work: the first message to each conversation, then the second one, and so on. */
class BacklogWriter {
  readonly #author: BacklogAuthor;
  readonly #templates: readonly SendTemplate[];
  readonly #total: number;
  readonly #inFlight: number;
  readonly #done = Promise.withResolvers<void>();
  #device: DeviceStream | undefined;
  #sent = 0;
  #answered = 0;

  constructor({ authors, perConversation, textBytes, run }: Backlog, author: BacklogAuthor) {
    const text = "x".repeat(textBytes);
    this.#author = author;
    this.#templates = author.conversationIds.map((id) => new SendTemplate(id, text, run));
    this.#inFlight = Math.min(inFlightOfAuthorMax, Math.ceil(inFlightMax / authors.length));
    this.#total = author.conversationIds.length * perConversation;
  }

  async write(): Promise<void> {
    if (this.#total === 0) return;
    const device = new DeviceStream(this.#author, {
      onResult: (bytes, start, end) => this.#takeResult(bytes, { start, end }),
    });
    this.#device = device;
    await device.caughtUp;
    for (let count = 0; count < this.#inFlight; count += 1) this.#sendNext();
    device.flush();
    await this.#done.promise;
    device.close();
  }

  #sendNext(): void {
    const template = this.#templates[this.#sent % this.#templates.length];
    if (this.#sent === this.#total || template === undefined) return;
    this.#sent += 1;
    this.#device?.queue(template.frame(this.#sent));
  }

  #takeResult(bytes: Buffer, bounds: { readonly start: number; readonly end: number }): void {
    walkFields(bytes, bounds, (field, from, to) => {
      if (field !== failedField) return;
      this.#done.reject(new Error(`a send failed: ${bytes.toString("latin1", from, to)}`));
    });
    this.#answered += 1;
    if (this.#answered === this.#total) this.#done.resolve();
    // Written by the stream, with whatever else this chunk of input causes.
    this.#sendNext();
  }
}

answerTasks<BacklogTasks>({
  write: async (backlog) => {
    await Promise.all(backlog.authors.map((author) => new BacklogWriter(backlog, author).write()));
  },
});
