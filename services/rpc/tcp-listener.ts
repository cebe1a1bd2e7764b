import { createServer, type Socket } from "node:net";

/** Where to listen, and for whom. */
export interface TcpListenerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** How many connections may be open; one more is destroyed. */
  readonly connectionsMax: number;
  /** Takes a connection, whose errors are heard already. */
  readonly onConnection: (socket: Socket) => void;
}

/** A port that is listened to. */
export interface TcpListener {
  readonly port: number;
  /**
   * Stops listening and destroys all connections, which is the one way to be rid of those whose other side does not read.
   * Resolves when none is open. Idempotent.
   */
  stop(): Promise<void>;
}

/** Listens for TCP connections. Rejects when the address cannot be had. */
export async function listenForTcp(options: TcpListenerOptions): Promise<TcpListener> {
  const { host, port, connectionsMax, onConnection } = options;
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => undefined);
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    if (sockets.size > connectionsMax) socket.destroy();
    else onConnection(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address();
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : port,
    stop: () => {
      if (server.listening) server.close();
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}
