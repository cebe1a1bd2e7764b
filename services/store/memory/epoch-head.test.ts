import { describeEpochHeadContract } from "../contract/epoch-head.contract.ts";
import { createMemoryEpochHeadStore } from "./epoch-head.ts";

describeEpochHeadContract("memory", async () => ({
  store: createMemoryEpochHeadStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
