import { ChannelCredentials, credentials } from "@grpc/grpc-js";

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;
type Socket = Parameters<SecureConnector["connect"]>[0];

/** Makes a connection one that can be trusted; rejects when it cannot be. */
export type SecureSocket = (socket: Socket) => Promise<Socket>;

// oxlint-disable no-underscore-dangle -- grpc-js calls so what an implementation of credentials has to have.

/**
 * Credentials of one channel that keep hold of its sockets. grpc-js closes channels gently: one whose other side accepts
 * connections but says nothing, as a frozen process does, would keep its socket for ever, and so would each that is
 * dialled after it.
 */
export class HeldCredentials extends ChannelCredentials {
  readonly #inner = credentials.createInsecure();
  readonly #secure: SecureSocket | undefined;
  readonly #sockets = new Set<Socket>();
  #released = false;

  /** Without `secure` connections are cleartext. */
  constructor(secure?: SecureSocket) {
    super();
    this.#secure = secure;
  }

  /** Destroys what the channel has opened, and what it will open. Idempotent. */
  release(): void {
    this.#released = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  override _isSecure(): boolean {
    return this.#secure !== undefined;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...parts: Parameters<ChannelCredentials["_createSecureConnector"]>) {
    const connector = this.#inner._createSecureConnector(...parts);
    return {
      connect: async (socket: Socket) => {
        this.#hold(socket);
        if (this.#secure === undefined) return connector.connect(socket);
        return { socket: await this.#secure(socket), secure: true };
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#released) socket.destroy();
  }
}
