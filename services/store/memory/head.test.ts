import { describeHeadContract } from "../contract/head.contract.ts";
import { createMemoryHeadStore } from "./head.ts";

describeHeadContract("memory", async () => ({
  store: createMemoryHeadStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
