import { startHeldListener } from "./held-listener.ts";

/** What stands between one node and one backend: passes everything on as it is, except while it is cut. */
export interface BackendProxy extends AsyncDisposable {
  /** Where the node finds the backend, as `host:port`. */
  readonly address: string;
  /** Lets nothing through, on connections that are open and on new ones. */
  cut(): void;
  /** Lets everything through again, what was held back included. */
  heal(): void;
}

/** Starts a proxy for a backend that listens at `host:port`, or will. */
export async function startBackendProxy(target: string): Promise<BackendProxy> {
  const { hostname: host, port } = new URL(`tcp://${target}`);
  let isCut = false;
  const listener = await startHeldListener({ host, port: Number(port) }, () => () => isCut);
  return {
    address: listener.address,
    cut: () => {
      isCut = true;
    },
    heal: () => {
      isCut = false;
      listener.release();
    },
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}
