import { describeEntryContract } from "../contract/entry.contract.ts";
import { createMemoryEntryStore } from "./entry.ts";

describeEntryContract("memory", async () => ({
  store: createMemoryEntryStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
