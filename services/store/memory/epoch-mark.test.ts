import { describeEpochMarkContract } from "../contract/epoch-mark.contract.ts";
import { createMemoryEpochMarkStore } from "./epoch-mark.ts";

describeEpochMarkContract("memory", async () => ({
  store: createMemoryEpochMarkStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
