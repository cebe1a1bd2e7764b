/** A two-way stream of opaque frames between two nodes. Frames arrive whole and in order, or the stream ends. */
export interface FrameStream {
  /**
   * Of a stream that was accepted: the node of this node's cluster that the other side has proved to be; undefined where
   * nobody has to prove anything.
   */
  readonly provenNodeId?: string | undefined;
  /**
   * Hands a frame over. False when the connection is full: `onDrain` tells when it is not any more. What is written after
   * the end is dropped. Never throws.
   */
  write(frame: Uint8Array): boolean;
  /** Ends the stream on both sides; frames under way may be lost. Idempotent. */
  close(): void;
  /** Sets who gets frames, at once and in the same turn as `accept` or `dial`. The bytes are the receiver's to keep. */
  listen(listener: FrameStreamListener): void;
}

/** Who a stream tells. Callbacks are never called from inside a call of the stream. */
export interface FrameStreamListener {
  onFrame(frame: Uint8Array): void;
  onDrain(): void;
  /** Once, however it ended; nothing comes after it. `reason` is for logs. */
  onClosed(reason: string): void;
}

/** How nodes reach one another. */
export interface MeshTransport {
  /**
   * Opens a stream to `nodeId` at `host:port`. It can be written to at once; when it fails, or another node answers where
   * nodes prove who they are, it is closed.
   */
  dial(address: string, nodeId: string): FrameStream;
  /** Takes streams of other nodes from now on, and resolves to the address that it listens at. Call it once. */
  listen(accept: (stream: FrameStream) => void): Promise<{ readonly host: string; readonly port: number }>;
  /** Closes all streams and stops listening. Idempotent. */
  stop(): Promise<void>;
}
