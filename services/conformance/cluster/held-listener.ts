import { once } from "node:events";
import { createServer, connect as dial, type Socket } from "node:net";
import { HeldBytes } from "./held-bytes.ts";

/** From who dialled to who was meant, or back. */
export type Way = "there" | "back";

/** Whether nothing may pass on one way of a connection now. */
export type IsCut = (way: Way) => boolean;

/** Takes connections in the place of somebody else, and passes on what may pass. */
export interface HeldListener extends AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  /** Something that was cut is not any more: what was held back goes on. */
  release(): void;
}

interface HeldConnection {
  readonly sockets: readonly Socket[];
  readonly ways: readonly HeldBytes[];
}

/**
 * Listens on a free port of loopback for whoever listens at the target, or will. `judge` is given each new connection, before
 * anything of it is read, and answers what says when it is cut.
 */
export async function startHeldListener(
  target: { readonly host: string; readonly port: number },
  judge: (near: Socket) => IsCut,
): Promise<HeldListener> {
  const connections = new Set<HeldConnection>();
  const listener = createServer((near) => {
    const far = dial({ ...target, noDelay: true });
    const isCut = judge(near.setNoDelay());
    const ways = [
      new HeldBytes(near, far, () => isCut("there")),
      new HeldBytes(far, near, () => isCut("back")),
    ];
    const connection = { sockets: [near, far], ways };
    connections.add(connection);
    // Of a cut connection one half may outlive the other.
    const closed = [near, far].map((half) => new Promise((resolve) => half.once("close", resolve)));
    void Promise.all(closed).then(() => connections.delete(connection));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  if (typeof address !== "object" || address === null) throw new Error("the listener has no address");
  return {
    address: `127.0.0.1:${address.port}`,
    release: () => {
      for (const way of [...connections].flatMap(({ ways }) => ways)) way.release();
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const socket of [...connections].flatMap(({ sockets }) => sockets)) socket.destroy();
    },
  };
}
