import { randomUUID } from "node:crypto";
import { z } from "zod";
import { outcomeOfConnect } from "./bad-input/outcome.ts";

/** Calls methods the way a page in a browser does: JSON over `fetch`, which speaks HTTP/1.1. */
export interface JsonClient {
  /** Answers the response's JSON; throws a `JsonError` when the node says no. */
  call(method: string, request: object): Promise<JsonObject>;
}

/** A JSON object whose values nothing is known of. */
export type JsonObject = Record<string, unknown>;

/** What the node answered instead. */
export class JsonError extends Error {
  override readonly name = "JsonError";
  /** Names of the status code and of the reason. */
  readonly code: string;
  readonly reason: string;

  constructor(body: Uint8Array) {
    const { code, reason, metadata } = outcomeOfConnect(body, "unary");
    super(`${code} ${reason} ${JSON.stringify(metadata)}`);
    this.code = code;
    this.reason = reason;
  }
}

/** A client of the node at `url`, with a token when one is given. */
export function jsonClient(url: string, token?: string): JsonClient {
  return {
    call: async (method, request) => {
      const response = await fetch(`${url}/${method}`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify(request),
      });
      if (!response.ok) throw new JsonError(new Uint8Array(await response.arrayBuffer()));
      return z.record(z.string(), z.unknown()).parse(await response.json());
    },
  };
}

/** An account with one device that is logged in. */
export interface Person {
  readonly handle: string;
  readonly accountId: string;
  readonly deviceId: string;
  readonly token: string;
  readonly refreshToken: string;
  readonly client: JsonClient;
}

/** The password of everybody that `register` makes. */
export const password = "a long password";

/** Makes an account and logs it in. */
export async function register(url: string, handle: string): Promise<Person> {
  const client = jsonClient(url);
  await client.call("parley.account.v1.AccountService/Register", {
    requestId: randomUUID(),
    handle,
    password: { text: password },
  });
  return login(url, handle, password);
}

const loginSchema = z.object({
  account: z.object({ accountId: z.string() }),
  deviceId: z.string(),
  tokens: z.object({ accessToken: z.string(), refreshToken: z.string() }),
});

/** Logs an account in on a new device. */
export async function login(url: string, handle: string, text: string): Promise<Person> {
  const answer = await jsonClient(url).call("parley.account.v1.AccountService/Login", {
    handle,
    password: { text },
  });
  const { account, deviceId, tokens } = loginSchema.parse(answer);
  return {
    handle,
    accountId: account.accountId,
    deviceId,
    token: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    client: jsonClient(url, tokens.accessToken),
  };
}

/** The id of the direct conversation of two accounts, as the contract says. */
export function directConversation(one: string, other: string): string {
  return `d-${[one, other].toSorted().join("-")}`;
}

/** Sends a text to a conversation and answers its seq. */
export async function sendText(from: Person, conversationId: string, text: string): Promise<bigint> {
  const answer = await from.client.call("parley.message.v1.MessageService/SendMessage", {
    conversationId,
    clientMessageId: randomUUID(),
    content: { text: { text } },
  });
  return BigInt(z.object({ position: z.object({ seq: z.string() }) }).parse(answer).position.seq);
}
