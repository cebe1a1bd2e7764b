import type { AccountDeps } from "../account/account-deps.ts";
import { createAccount } from "../account/create-account.ts";

/** Everybody knows it: demo users exist in dev only. */
export const demoPassword = "parley-demo";

/** The account ids of the demo users. */
export interface DemoUsers {
  readonly alice: string;
  readonly bob: string;
}

/** Makes alice and bob, unless they are there already. */
export async function makeDemoUsers(deps: AccountDeps): Promise<DemoUsers> {
  const [alice, bob] = await Promise.all([
    createAccount(deps, { handle: "alice", displayName: "Alice", password: demoPassword }),
    createAccount(deps, { handle: "bob", displayName: "Bob", password: demoPassword }),
  ]);
  return { alice: alice.account.accountId, bob: bob.account.accountId };
}
