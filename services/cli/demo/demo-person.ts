import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { MessageService } from "../../../gen/parley/message/v1/message_service_pb.ts";
import { CommandError } from "../command-error.ts";
import { type RepeatOptions, repeatCall } from "../repeat-call.ts";
import { publicAccountClient } from "../server-connection.ts";

/** Somebody with one device that is logged in. Their tokens outlast a demo. */
export interface DemoPerson {
  readonly handle: string;
  readonly accountId: string;
  readonly deviceId: string;
  readonly accessToken: string;
}

const password = { text: "parley-demo" };

/** Makes an account; resolves to its id. */
export async function register(repeat: RepeatOptions, server: string, handle: string): Promise<string> {
  const requestId = repeat.rng.uuid();
  const accounts = publicAccountClient(server);
  const { account } = await repeatCall(repeat, () => accounts.register({ requestId, handle, password }));
  if (account === undefined) throw new CommandError(`${server} made no account for ${handle}`);
  return account.accountId;
}

/** Logs a device in. */
export async function logIn(repeat: RepeatOptions, server: string, handle: string): Promise<DemoPerson> {
  const accounts = publicAccountClient(server);
  const request = { handle, password, deviceName: "parley demo" };
  const { account, deviceId, tokens } = await repeatCall(repeat, () => accounts.login(request));
  if (account === undefined || tokens === undefined) throw new CommandError(`${server} gave out no tokens`);
  return { handle, accountId: account.accountId, deviceId, accessToken: tokens.accessToken };
}

/** Calls for a person, at any node. */
export function messagesOf(person: DemoPerson, server: string): Client<typeof MessageService> {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${person.accessToken}`);
    return next(request);
  };
  const interceptors = [authorize];
  const settings = { baseUrl: server, httpVersion: "1.1", interceptors, useHttpGet: false } as const;
  return createClient(MessageService, createConnectTransport(settings));
}
