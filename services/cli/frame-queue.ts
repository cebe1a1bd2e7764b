/** Frames on their way up: pushed by whoever has something to say, taken by the stream one at a time. */
export interface FrameQueue<T> extends AsyncIterable<T> {
  push(frame: T): void;
  /** Ends the iteration once everything pushed was taken. */
  end(): void;
}

/** A queue for one reader. It holds what the transport has not taken; a writer that must be bounded waits for answers. */
export function createFrameQueue<T>(): FrameQueue<T> {
  const waiting: T[] = [];
  let ended = false;
  let wake: (() => void) | undefined;

  return {
    push: (frame) => {
      if (ended) return;
      waiting.push(frame);
      wake?.();
    },
    end: () => {
      ended = true;
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const frame = waiting.shift();
        if (frame !== undefined) yield frame;
        else if (ended) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}
