import { Code, ConnectError } from "@connectrpc/connect";

/** Why the requests of a stream ended before the client was done with them. */
export type InputFailure =
  /** The call is over: the client left, or the node is about to stop. */
  | { readonly kind: "cancelled" }
  /** The client sent something that cannot be read; `message` says what. */
  | { readonly kind: "malformed"; readonly message: string };

/** What reading a client's stream threw. */
export function inputFailureOf(error: unknown): InputFailure {
  const status = ConnectError.from(error);
  if (status.code === Code.Canceled) return { kind: "cancelled" };
  return { kind: "malformed", message: status.rawMessage };
}
