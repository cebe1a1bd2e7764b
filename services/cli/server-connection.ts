import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import { CommandError } from "./command-error.ts";
import type { Credentials, Profile } from "./credentials.ts";
import { exitCodes } from "./exit-codes.ts";

/** Tokens are renewed when less than this is left of them, in milliseconds. */
const renewBeforeMs = 60_000;

/** A device that is logged in, and its ways to the server. */
export interface ServerConnection {
  readonly profile: Profile;
  /** For unary calls and one-way streams. */
  readonly transport: Transport;
  /** An access token that is good for a minute at least. */
  accessToken(): Promise<string>;
  /** The base URL that calls go to. */
  readonly server: string;
  /** The same device at another node of the same cluster. */
  at(server: string): ServerConnection;
}

/** For calls without a token: Register, Login, RefreshToken. */
export function publicAccountClient(server: string): Client<typeof AccountService> {
  return createClient(AccountService, createConnectTransport({ baseUrl: server, httpVersion: "1.1" }));
}

/** Takes up a login that `parley login` has stored. Throws a CommandError when there is none. */
export async function openConnection(options: {
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly handle: string | undefined;
  readonly server: string | undefined;
}): Promise<ServerConnection> {
  const { credentials, clock, handle, server } = options;
  const profile = await credentials.find(handle, server);
  if (profile === undefined) throw notLoggedIn(handle, server);
  return connectionAt(profile.server, { credentials, clock, profile });
}

interface LoggedIn {
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly profile: Profile;
}

function connectionAt(server: string, login: LoggedIn): ServerConnection {
  const accessToken = tokenSource(server, login);
  const authorize: Interceptor = (next) => async (request) => {
    request.header.set("authorization", `Bearer ${await accessToken()}`);
    return next(request);
  };
  const transport = createConnectTransport({
    baseUrl: server,
    httpVersion: "1.1",
    interceptors: [authorize],
    useHttpGet: false,
  });
  return {
    profile: login.profile,
    transport,
    accessToken,
    server,
    at: (other) => connectionAt(other, login),
  };
}

function notLoggedIn(handle: string | undefined, server: string | undefined): CommandError {
  const who = handle === undefined ? "nobody is logged in" : `${handle} is not logged in`;
  const where = server === undefined ? "" : ` at ${server}`;
  return new CommandError(
    `${who}${where}: run npx parley login ${handle ?? "HANDLE"}`,
    exitCodes.notLoggedIn,
  );
}

/** Gives out the access token and exchanges it in time; calls that come together share one exchange. */
function tokenSource(
  server: string,
  { credentials, clock, profile: initial }: LoggedIn,
): () => Promise<string> {
  let exchange: Promise<string> | undefined;

  async function exchangeToken(): Promise<string> {
    const profile = (await credentials.find(initial.handle, initial.server)) ?? initial;
    if (profile.accessExpireMs - clock.wallMs() > renewBeforeMs) return profile.accessToken;
    const { refreshToken } = profile;
    const { tokens } = await publicAccountClient(server).refreshToken({ refreshToken });
    if (tokens?.accessExpireTime === undefined) throw new CommandError("the server answered without tokens");
    const accessExpireMs = timestampMs(tokens.accessExpireTime);
    const renewed = { ...profile, ...pickTokens(tokens), accessExpireMs };
    await credentials.save(renewed, false);
    return renewed.accessToken;
  }

  return () => {
    exchange ??= exchangeToken().finally(() => {
      exchange = undefined;
    });
    return exchange;
  };
}

function pickTokens(tokens: { readonly accessToken: string; readonly refreshToken: string }): {
  accessToken: string;
  refreshToken: string;
} {
  return { accessToken: tokens.accessToken, refreshToken: tokens.refreshToken };
}
