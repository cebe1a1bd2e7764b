import type { ServerFrame } from "../../../gen/parley/session/v1/session_pb.ts";
import { answersTo } from "../stream-ledger.ts";
import type { Attachment } from "./sim-attachment.ts";

/** Streams that one device has left open behind it, at most; it breaks further ones. */
const leftBehindMax = 3;

/** Streams that a device has turned away from without ending them, as a connection does of which only one end has gone. */
export class LeftBehind {
  readonly #attachments = new Set<Attachment>();

  /** Those that no node has ended yet. */
  get size(): number {
    return this.#attachments.size;
  }

  /** Answers false, and leaves the stream to whoever asks, when there are too many. One that is not open yet may open late. */
  add(attachment: Attachment): boolean {
    const { stream, notes } = attachment;
    if (this.size >= leftBehindMax) return false;
    notes.left();
    this.#attachments.add(attachment);
    stream.resume();
    return true;
  }

  heard(attachment: Attachment, frame: ServerFrame): void {
    if (!this.#attachments.has(attachment)) return;
    for (const answer of answersTo(frame)) attachment.stream.say(answer);
    if (frame.control.case !== "closed") return;
    this.#attachments.delete(attachment);
    attachment.stream.drop();
  }

  /** Whether it was one of them. */
  ended(attachment: Attachment): boolean {
    return this.#attachments.delete(attachment);
  }

  drop(): void {
    for (const { stream } of this.#attachments) stream.drop();
    this.#attachments.clear();
  }
}
