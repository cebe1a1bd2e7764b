/** Watches a stream for silence. */
export interface SilenceWatch {
  /** From now on at most so many milliseconds may go by without a frame. */
  begin(silenceMsMax: number): void;
  heard(): void;
  stop(): void;
}

/** A stream on which nothing is said for too long is dead, whatever the connection says. */
export function watchSilence(onSilence: () => void): SilenceWatch {
  let timer: NodeJS.Timeout | undefined;
  return {
    begin: (silenceMsMax) => {
      clearTimeout(timer);
      timer = setTimeout(onSilence, silenceMsMax);
    },
    heard: () => void timer?.refresh(),
    stop: () => clearTimeout(timer),
  };
}
