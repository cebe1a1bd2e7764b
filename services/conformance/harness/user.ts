import { randomUUID } from "node:crypto";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Tokens } from "../../../gen/parley/account/v1/account_pb.ts";
import { AccountService } from "../../../gen/parley/account/v1/account_service_pb.ts";
import { ConversationService } from "../../../gen/parley/message/v1/conversation_service_pb.ts";
import { GroupService } from "../../../gen/parley/message/v1/group_service_pb.ts";
import { MessageService } from "../../../gen/parley/message/v1/message_service_pb.ts";
import { SessionService } from "../../../gen/parley/session/v1/session_service_pb.ts";
import { pause } from "./pause.ts";
import { mayRepeat, refusalOf } from "./refusal.ts";

/** A token is exchanged when less than this is left of it, in milliseconds. */
const renewBeforeMs = 120_000;

/** The longest that one unary call may take, in milliseconds. */
export const callMsMax = 10_000;

/** Between two tries of a call that may be repeated, when the node names no delay; in milliseconds. */
const repeatMs = 50;

const password = { text: "a password for tests" };

/** An account with one device that is logged in, and its clients. */
export interface User {
  readonly handle: string;
  readonly accountId: string;
  readonly deviceId: string;
  /** Base URL of the node that it talks to. */
  readonly server: string;
  readonly messages: Client<typeof MessageService>;
  readonly conversations: Client<typeof ConversationService>;
  readonly groups: Client<typeof GroupService>;
  readonly sessions: Client<typeof SessionService>;
  /** A token that is good for a while. */
  accessToken(): Promise<string>;
  /** The same device, talking to another node. Tokens are still exchanged where it logged in. */
  at(server: string): User;
}

/** Makes an account and logs a device in. Needs open registration. */
export async function registerUser(server: string, handle: string): Promise<User> {
  const accounts = createClient(AccountService, transportTo(server));
  const requestId = randomUUID();
  await repeatCall(() => accounts.register({ requestId, handle, password }));
  return loginUser(server, handle);
}

/** Makes many accounts named `prefix0`, `prefix1`, …, a few at a time: a node hashes two passwords at once. */
export async function registerUsers(server: string, prefix: string, count: number): Promise<User[]> {
  const users: User[] = [];
  while (users.length < count) {
    const batch = Array.from({ length: Math.min(4, count - users.length) }, (_, index) =>
      registerUser(server, `${prefix}${users.length + index}`),
    );
    users.push(...(await Promise.all(batch)));
  }
  return users;
}

/** Logs a new device of an account in. */
export async function loginUser(server: string, handle: string): Promise<User> {
  const accounts = createClient(AccountService, transportTo(server));
  const login = await repeatCall(() => accounts.login({ handle, password, deviceName: "conformance" }));
  if (login.tokens === undefined || login.account === undefined)
    throw new Error("Login answered without tokens");
  const accessToken = tokenSource(accounts, login.tokens);
  const { accountId } = login.account;
  const { deviceId } = login;
  const at = (node: string): User => {
    const transport = transportTo(node, async () => `Bearer ${await accessToken()}`);
    return {
      handle,
      accountId,
      deviceId,
      server: node,
      messages: createClient(MessageService, transport),
      conversations: createClient(ConversationService, transport),
      groups: createClient(GroupService, transport),
      sessions: createClient(SessionService, transport),
      accessToken,
      at,
    };
  };
  return at(server);
}

/** The id of the direct conversation of two accounts, as `ConversationKind` defines it. */
export function directConversationId(one: string, other: string): string {
  return one < other ? `d-${one}-${other}` : `d-${other}-${one}`;
}

/** Repeats an idempotent call until it is answered for good; gives up, with the last error, after `timeoutMs`. */
export async function repeatCall<T>(call: () => Promise<T>, timeoutMs = 60_000): Promise<T> {
  const startedMs = performance.now();
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const refusal = refusalOf(error);
      if (!mayRepeat(refusal) || performance.now() - startedMs > timeoutMs) throw error;
      await pause(refusal.retryDelayMs ?? repeatMs);
    }
  }
}

/** HTTP/1.1 on purpose: connect-node's HTTP/2 client raises exceptions outside of calls on GOAWAY (connect-es #1768). */
function transportTo(server: string, authorization?: () => Promise<string>): Transport {
  const authorize: Interceptor = (next) => async (request) => {
    if (authorization !== undefined) request.header.set("authorization", await authorization());
    return next(request);
  };
  return createConnectTransport({
    baseUrl: server,
    httpVersion: "1.1",
    useBinaryFormat: true,
    interceptors: [authorize],
  });
}

function tokenSource(accounts: Client<typeof AccountService>, first: Tokens): () => Promise<string> {
  let current = first;
  let exchange: Promise<void> | undefined;

  async function renew(): Promise<void> {
    const { refreshToken } = current;
    const { tokens } = await repeatCall(() => accounts.refreshToken({ refreshToken }));
    if (tokens !== undefined) current = tokens;
  }

  return async () => {
    const expireMs = current.accessExpireTime === undefined ? 0 : timestampMs(current.accessExpireTime);
    if (expireMs - Date.now() < renewBeforeMs) {
      exchange ??= renew().finally(() => {
        exchange = undefined;
      });
      await exchange;
    }
    return current.accessToken;
  };
}
