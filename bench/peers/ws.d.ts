/** The part of the package `ws` that is used here; it brings no types of its own. */
declare module "ws" {
  import type { EventEmitter } from "node:events";

  export class WebSocket extends EventEmitter {
    constructor(address: string);
    readonly readyState: number;
    static readonly OPEN: 1;
    send(data: Uint8Array, options?: { readonly binary?: boolean }): void;
    terminate(): void;
  }

  export class WebSocketServer extends EventEmitter {
    constructor(options: { readonly host: string; readonly port: number });
    readonly clients: Set<WebSocket>;
    address(): { readonly port: number };
  }
}
