// Loaded into a measured process by --import: answers a message with the memory that is left after a full collection.

/** Bytes of one process after garbage collection. */
export interface MemoryFigures {
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
}

process.on("message", (message) => {
  if (message !== "memory") return;
  // Twice: what finalizers let go of the first time is collected the second time.
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send?.({
    residentBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
  } satisfies MemoryFigures);
});
// The probe must not keep the process when it wants to end.
process.channel?.unref();
