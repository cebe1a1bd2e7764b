import { describeMembershipContract } from "../contract/membership.contract.ts";
import { createMemoryMembershipStore } from "./membership.ts";

describeMembershipContract("memory", async () => ({
  store: createMemoryMembershipStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
