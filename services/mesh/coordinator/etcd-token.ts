import { InterceptingCall, type Interceptor } from "@grpc/grpc-js";

/** Who this client is to etcd. */
export interface EtcdAuth {
  readonly user: string;
  readonly password: string;
}

/** The token that etcd gave for a user and password; asked for once, and again after one was refused. */
export class EtcdToken {
  #pending: Promise<string> | undefined;

  /** The token, requested when there is none. All who wait share one request. */
  async get(request: () => Promise<string>): Promise<string> {
    this.#pending ??= request();
    const pending = this.#pending;
    try {
      return await pending;
    } catch (thrown) {
      if (this.#pending === pending) this.#pending = undefined;
      throw thrown;
    }
  }

  /** The token was refused: it ran out, etcd forgot it at a restart, or the rights of users changed. */
  drop(): void {
    this.#pending = undefined;
  }
}

/** Sends metadata with a call. */
export function sendMetadata(fields: Readonly<Record<string, string>>): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
        next(metadata, {
          onReceiveStatus: (status, pass) =>
            // etcd3 sends a call again and again while it reads these words, with the token that was refused.
            pass({ ...status, details: status.details.replace("invalid auth token", "auth token refused") }),
        });
      },
    });
}

/** Whether etcd did not accept the token, and so did nothing. */
export function isTokenRefused(message: string): boolean {
  return /auth token refused|invalid auth token|revision of auth store is old/.test(message);
}
