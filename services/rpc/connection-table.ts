import type { Socket } from "node:net";
import type { Clock } from "../kernel/clock.ts";
import type { Metrics } from "../kernel/metrics.ts";
import { addressKeyOf } from "./client-address.ts";

/** How many connections are destroyed per turn of the loop: 10,000 in one turn would stall it for seconds. */
export const destroyedPerTurn = 100;

/** What a connection table needs. */
export interface ConnectionTableOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Label of this port in metrics: `cleartext` or `tls`. */
  readonly port: string;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
}

/** The open connections of one port, counted in total and per address. */
export interface ConnectionTable {
  /** Takes a connection in, or destroys it and answers false when a limit is reached. */
  admit(socket: Socket): boolean;
  readonly size: number;
  /** Resolves when none is open, or at the deadline; true when none is open. */
  whenEmpty(deadlineMs: number): Promise<boolean>;
  /** Destroys all, in slices; resolves when none is open. */
  destroyAll(): Promise<void>;
}

/** Creates the table of one port. */
export function createConnectionTable(options: ConnectionTableOptions): ConnectionTable {
  const { clock, metrics, port } = options;
  const sockets = new Set<Socket>();
  const perAddress = new Map<string, number>();
  const emptied = new Set<() => void>();
  const open = metrics.gauge("rpc_connections_open", "Open connections", ["port"]);
  const refused = metrics.counter("rpc_connections_refused_total", "Connections over a limit", [
    "port",
    "limit",
  ]);

  const forget = (socket: Socket, address: string): void => {
    sockets.delete(socket);
    const left = (perAddress.get(address) ?? 1) - 1;
    if (left === 0) perAddress.delete(address);
    else perAddress.set(address, left);
    open.set(sockets.size, { port });
    if (sockets.size === 0) for (const callback of emptied) callback();
  };

  const admit = (socket: Socket): boolean => {
    const address = addressKeyOf(socket.remoteAddress);
    const count = perAddress.get(address) ?? 0;
    const full = sockets.size >= options.connectionsMax;
    if (full || count >= options.connectionsPerAddressMax) {
      refused.add(1, { port, limit: full ? "connectionsMax" : "connectionsPerAddressMax" });
      socket.destroy();
      return false;
    }
    sockets.add(socket);
    perAddress.set(address, count + 1);
    open.set(sockets.size, { port });
    socket.once("close", () => forget(socket, address));
    return true;
  };

  const whenEmpty = (deadlineMs: number): Promise<boolean> => {
    if (sockets.size === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (): void => {
        timer.cancel();
        emptied.delete(finish);
        resolve(sockets.size === 0);
      };
      const timer = clock.after(deadlineMs, finish);
      emptied.add(finish);
    });
  };

  return {
    admit,
    get size() {
      return sockets.size;
    },
    whenEmpty,
    destroyAll: () => destroyInSlices(sockets, clock),
  };
}

/** Destroys sockets, which leave the set at their close event, until it is empty. */
function destroyInSlices(sockets: ReadonlySet<Socket>, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const destroySlice = (): void => {
      if (sockets.size === 0) {
        resolve();
        return;
      }
      let count = 0;
      for (const socket of sockets) {
        if (count === destroyedPerTurn) break;
        // Those of earlier slices stay in the set until their close event.
        if (socket.destroyed) continue;
        socket.destroy();
        count += 1;
      }
      clock.nextTurn(destroySlice);
    };
    destroySlice();
  });
}
