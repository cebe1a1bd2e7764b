import { describePersonalContract } from "../contract/personal.contract.ts";
import { createMemoryPersonalStore } from "./personal.ts";

describePersonalContract("memory", async () => ({
  store: createMemoryPersonalStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
