import { ChannelCredentials } from "@grpc/grpc-js";
import { Etcd3, type IOptions } from "etcd3";

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;
type Socket = Parameters<SecureConnector["connect"]>[0];

/**
 * The client of etcd3 for one server, which is closed together with its sockets. grpc-js closes channels gently: of a server
 * that accepts connections but says nothing, as a frozen one does, every channel would leave its socket open.
 */
export class EtcdClient extends Etcd3 {
  readonly #sockets = new HeldSockets();

  /** The options name one host. Throws when this version of etcd3 keeps its credentials elsewhere. */
  constructor(options: IOptions) {
    super(options);
    const hosts: unknown = Reflect.get(this.pool, "hosts");
    const host: unknown = Array.isArray(hosts) ? hosts[0] : undefined;
    const inner: unknown =
      typeof host === "object" && host !== null && Reflect.get(host, "channelCredentials");
    if (typeof host !== "object" || host === null || !(inner instanceof ChannelCredentials))
      throw new Error("etcd3 does not keep its credentials where they are expected: is it version 1.1.2?");
    // It has no option for them.
    Reflect.set(host, "channelCredentials", new HeldCredentials(inner, this.#sockets));
  }

  /** Closes it at once; calls under way fail. */
  override close(): void {
    super.close();
    this.#sockets.destroy();
  }
}

/** Sockets that are open, until they are all destroyed, with those that come later. */
class HeldSockets {
  readonly #open = new Set<Socket>();
  #isDestroyed = false;

  add(socket: Socket): void {
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    if (this.#isDestroyed) socket.destroy();
  }

  destroy(): void {
    this.#isDestroyed = true;
    for (const socket of this.#open) socket.destroy();
  }
}

// oxlint-disable no-underscore-dangle -- grpc-js calls so what an implementation of credentials has to have.

/** Other credentials, of whose connections the sockets are kept. */
class HeldCredentials extends ChannelCredentials {
  readonly #inner: ChannelCredentials;
  readonly #sockets: HeldSockets;

  constructor(inner: ChannelCredentials, sockets: HeldSockets) {
    super();
    this.#inner = inner;
    this.#sockets = sockets;
  }

  override _isSecure(): boolean {
    return this.#inner._isSecure();
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...parts: Parameters<ChannelCredentials["_createSecureConnector"]>) {
    const connector = this.#inner._createSecureConnector(...parts);
    return {
      connect: (socket: Socket) => {
        this.#sockets.add(socket);
        return connector.connect(socket);
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  }
}
