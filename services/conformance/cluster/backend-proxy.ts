import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { HeldBytes } from "./held-bytes.ts";

/** What stands between one node and one backend: passes everything on as it is, except while it is cut. */
export interface BackendProxy extends AsyncDisposable {
  /** Where the node finds the backend, as `host:port`. */
  readonly address: string;
  /** Lets nothing through, on connections that are open and on new ones. */
  cut(): void;
  /** Lets everything through again, what was held back included. */
  heal(): void;
}

interface ProxiedConnection {
  readonly sockets: readonly Socket[];
  readonly ways: readonly HeldBytes[];
}

/** Starts a proxy for a backend that listens at `host:port`, or will. */
export async function startBackendProxy(target: string): Promise<BackendProxy> {
  const { hostname: host, port } = new URL(`tcp://${target}`);
  const connections = new Set<ProxiedConnection>();
  let isCut = false;
  const listener = createServer((near) => {
    const far = dial({ host, port: Number(port), noDelay: true });
    const held = (from: Socket, to: Socket): HeldBytes => new HeldBytes(from, to, () => isCut);
    const connection = { sockets: [near.setNoDelay(), far], ways: [held(near, far), held(far, near)] };
    connections.add(connection);
    const closed = connection.sockets.map(
      (socket) => new Promise((resolve) => socket.once("close", resolve)),
    );
    void Promise.all(closed).then(() => connections.delete(connection));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    address: addressOf(listener),
    cut: () => {
      isCut = true;
    },
    heal: () => {
      isCut = false;
      for (const way of [...connections].flatMap(({ ways }) => ways)) way.release();
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const socket of [...connections].flatMap(({ sockets }) => sockets)) socket.destroy();
    },
  };
}

function addressOf(listener: Server): string {
  const address = listener.address();
  if (typeof address !== "object" || address === null) throw new Error("the proxy has no address");
  return `127.0.0.1:${address.port}`;
}
