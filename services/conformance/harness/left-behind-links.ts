import type { ServerFrame } from "../../../gen/parley/session/v1/session_pb.ts";
import { answersTo, StreamLedger, type StreamNotes } from "../../testkit/stream-ledger.ts";
import { type Link, type LinkOptions, openLink, type Way } from "./link.ts";
import { refusalOf } from "./refusal.ts";

/** Streams that all devices together leave open behind them at once; further ones are broken. */
const leftBehindMax = 256;

interface NotedStream {
  readonly link: Link;
  readonly notes: StreamNotes;
  /** Resolves when the device turns away from it. */
  readonly left: Promise<undefined>;
  hasEnded: boolean;
}

/**
 * Opens streams that go on when their devices break them, as a connection does of which only one end has gone: somebody
 * listens, answers pings and acknowledges, until the node ends it. Notes all streams, so that fencing can be judged.
 * Only Attach leaves something behind; the other ways break as ever.
 */
export class LeftBehindLinks implements Disposable {
  readonly #ledger = new StreamLedger(() => performance.now());
  readonly #behind = new Set<Link>();

  get records(): StreamLedger["records"] {
    return this.#ledger.records;
  }

  /** Those that no node has ended yet. */
  get size(): number {
    return this.#behind.size;
  }

  /** In place of `openLink`. */
  readonly open = (way: Way, options: LinkOptions): Link => {
    const { deviceId, server } = options.user;
    const link = openLink(way, options);
    const notes = this.#ledger.begin(deviceId, server, options.open.ordinal);
    const left = Promise.withResolvers<undefined>();
    const stream: NotedStream = { link, notes, left: left.promise, hasEnded: false };
    const frames = this.#frames(stream);
    const drop = (): void => {
      if (this.#behind.has(link)) return;
      if (way === "attach" && isOpen(stream) && this.#behind.size < leftBehindMax) {
        this.#behind.add(link);
        notes.left();
        left.resolve(undefined);
      } else link.drop();
    };
    return { ...link, frames, drop };
  };

  /** Breaks what is left. */
  [Symbol.dispose](): void {
    for (const link of this.#behind) link.drop();
  }

  /** What the device hears, until it leaves the stream. */
  async *#frames(stream: NotedStream): AsyncGenerator<ServerFrame> {
    const { link, notes, left } = stream;
    const frames = link.frames[Symbol.asyncIterator]();
    let next: Promise<IteratorResult<ServerFrame>> | undefined;
    try {
      for (;;) {
        next = frames.next();
        const told = await Promise.race([next, left]);
        if (told === undefined) return;
        next = undefined;
        if (told.done === true) {
          stream.hasEnded = true;
          return;
        }
        notes.heard(told.value);
        yield told.value;
      }
    } catch (error) {
      if (refusalOf(error).reason !== "") notes.refused();
      stream.hasEnded = true;
      throw error;
    } finally {
      if (this.#behind.has(link)) void this.#listen(stream, frames, next);
      else link.drop();
    }
  }

  async #listen(
    { link, notes }: NotedStream,
    frames: AsyncIterator<ServerFrame>,
    awaited = frames.next(),
  ): Promise<void> {
    let next = awaited;
    try {
      for (;;) {
        const told = await next;
        if (told.done === true) break;
        notes.heard(told.value);
        for (const answer of answersTo(told.value)) link.say(answer);
        next = frames.next();
      }
    } catch {
      // It broke, which is an end as good as another.
    } finally {
      this.#behind.delete(link);
      link.drop();
    }
  }
}

function isOpen({ notes: { record }, hasEnded }: NotedStream): boolean {
  return record.opened !== undefined && record.closed === undefined && !hasEnded;
}
