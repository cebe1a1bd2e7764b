/** Watches a stream for silence. */
export interface SilenceWatch {
  begin(heartbeatMs: number): void;
  heard(): void;
  stop(): void;
}

/** Three heartbeats without a frame mean that the stream is dead, whatever the connection says. */
export function watchSilence(onSilence: () => void): SilenceWatch {
  let timer: NodeJS.Timeout | undefined;
  return {
    begin: (heartbeatMs) => {
      clearTimeout(timer);
      timer = setTimeout(onSilence, 3 * heartbeatMs);
    },
    heard: () => void timer?.refresh(),
    stop: () => clearTimeout(timer),
  };
}
