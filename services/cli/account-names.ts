import { createClient, type Transport } from "@connectrpc/connect";
import { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { directConversationId, parseConversationId } from "../message/conversation-id.ts";
import type { NameOf } from "./entry-text.ts";
import type { ServerConnection } from "./server-connection.ts";

/** Handles looked up so far are kept; more accounts than this are shown by id. */
const namesMax = 10_000;

/** Looks handles up, each once. An account that cannot be found keeps its id. */
export function accountNames(transport: Transport): NameOf {
  const accounts = createClient(AccountService, transport);
  const names = new Map<string, Promise<string>>();

  async function lookUp(accountId: string): Promise<string> {
    const found = await accounts
      .getAccount({ account: { case: "accountId", value: accountId } })
      .catch(() => undefined);
    return found?.account?.handle ?? accountId;
  }

  return (accountId) => {
    const known = names.get(accountId);
    if (known !== undefined) return known;
    if (names.size >= namesMax) return Promise.resolve(accountId);
    const name = lookUp(accountId);
    names.set(accountId, name);
    return name;
  };
}

/** The id of the account that a person names by handle or id. */
export async function accountIdOf(transport: Transport, name: string): Promise<string> {
  const account = accountNameIn(name);
  if (account.case === "accountId") return name;
  const found = await createClient(AccountService, transport).getAccount({ account });
  return found.account?.accountId ?? name;
}

/** By what a person names an account. Ids have 13 characters with digits first (their time); a handle that looks the same is written with `@`. */
export function accountNameIn(text: string) {
  return /^[0-9][0-9a-z]{12}$/.test(text)
    ? ({ case: "accountId", value: text } as const)
    : ({ case: "handle", value: text.replace(/^@/, "") } as const);
}

/** The conversation that a person names: by its id, or by the other one's handle or id. */
export async function conversationIdOf(connection: ServerConnection, name: string): Promise<string> {
  if (parseConversationId(name) !== undefined) return name;
  const peerId = await accountIdOf(connection.transport, name);
  return directConversationId(connection.profile.accountId, peerId);
}
