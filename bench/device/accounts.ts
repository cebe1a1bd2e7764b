import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromJson } from "@bufbuild/protobuf";
import { LoginResponseSchema } from "../../gen/parley/account/v1/account_service_pb.ts";
import { callJson } from "../processes/call-json.ts";
import { importAccounts } from "../processes/parley-node.ts";

const password = "benchmark password";

// Of the password above at the least cost that Argon2id has: setting up is not what is measured.
const passwordHash =
  "$argon2id$v=19$m=8,t=1,p=1$iBl3cCNtIgZk1QFqcIfvUw$M/6p4ct3YAgdUwa1Nx57eS85Hq7sbM3GheT1xKS+VCI";

const loginsAtOnceMax = 16;

/** One account with one device that is logged in. */
export interface LoggedIn {
  readonly accountId: string;
  readonly accessToken: string;
}

/** Makes accounts `bench0` and up in the store of a node that is not running. */
export function makeAccounts(directory: string, count: number): void {
  const lines = Array.from({ length: count }, (_, index) =>
    JSON.stringify({ handle: `bench${index}`, password_hash: passwordHash }),
  );
  const file = join(directory, "accounts.jsonl");
  writeFileSync(file, `${lines.join("\n")}\n`);
  importAccounts(directory, file);
}

/** Logs in the accounts that `makeAccounts` made, each on one device. Throws when one is refused. */
export async function logIn(server: string, count: number): Promise<LoggedIn[]> {
  const loggedIn: LoggedIn[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      loggedIn[index] = await logInOne(server, `bench${index}`);
    }
  };
  await Promise.all(Array.from({ length: loginsAtOnceMax }, worker));
  return loggedIn;
}

async function logInOne(server: string, handle: string): Promise<LoggedIn> {
  const answer = await callJson(`${server}/parley.account.v1.AccountService/Login`, {
    handle,
    password: { text: password },
  });
  const { account, tokens } = fromJson(LoginResponseSchema, answer);
  if (account === undefined || tokens === undefined)
    throw new Error("a login was answered without its fields");
  return { accountId: account.accountId, accessToken: tokens.accessToken };
}

/** The id of the direct conversation of two accounts, as the contract defines it. */
export function directConversationId(one: string, other: string): string {
  const [low, high] = [one, other].sort();
  return `d-${low}-${high}`;
}
