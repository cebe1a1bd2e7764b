import type { CallOptions } from "@grpc/grpc-js";
import { castGrpcError, type Etcd3, EtcdLeaseInvalidError } from "etcd3";
import { leaseMs } from "../coordinator.ts";

/** Grants a lease and answers its id. */
export async function grantLease(client: Etcd3, options: CallOptions): Promise<string> {
  const { ID } = await client.leaseClient.leaseGrant({ TTL: Math.ceil(leaseMs / 1_000) }, options);
  return ID;
}

/**
 * Prolongs a lease by its whole length; false when it has ended. etcd takes this on a stream only, so one is opened for a
 * single question: a stream that stays would be one more thing that can hang.
 */
export async function keepLease(client: Etcd3, options: CallOptions, lease: string): Promise<boolean> {
  const stream = await client.leaseClient.leaseKeepAlive(options);
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  stream
    .on("data", ({ TTL }) => resolve(Number(TTL) > 0))
    .on("error", (error) => reject(castGrpcError(error)))
    .on("end", () => reject(new Error("etcd ended the stream of a lease without an answer")));
  stream.write({ ID: lease });
  try {
    return await promise;
  } finally {
    stream.end();
  }
}

/** Ends a lease, and takes out the keys that are still written under it. One that has ended is no failure. */
export async function revokeLease(client: Etcd3, options: CallOptions, lease: string): Promise<void> {
  try {
    await client.leaseClient.leaseRevoke({ ID: lease }, options);
  } catch (thrown) {
    if (!(thrown instanceof EtcdLeaseInvalidError)) throw thrown;
  }
}
