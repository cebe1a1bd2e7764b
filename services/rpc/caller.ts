import { type ContextKey, createContextKey, type HandlerContext } from "@connectrpc/connect";

/** Who calls, as proven by an access token. */
export interface Caller {
  readonly accountId: string;
  readonly deviceId: string;
  readonly tokenId: string;
  /** When the token expires, in wall milliseconds since 1970. */
  readonly tokenExpireMs: number;
}

/** Proves who calls. Throws a Fault (TOKEN_INVALID, TOKEN_EXPIRED, DEVICE_REVOKED…) when it cannot. */
export interface Authenticator {
  authenticate(token: string): Promise<Caller>;
}

/** Where the caller of a call stands among its context values; undefined on public methods. */
export const callerKey: ContextKey<Caller | undefined> = createContextKey<Caller | undefined>(undefined, {
  description: "caller",
});

/** The caller of a method that demands an account. Throws a plain error (a bug) on public methods. */
export function callerOf(context: Pick<HandlerContext, "values">): Caller {
  const caller = context.values.get(callerKey);
  if (caller === undefined) throw new Error("a public method asked for its caller");
  return caller;
}
