import { describeGenerationContract } from "../contract/generation.contract.ts";
import { createMemoryGenerationStore } from "./generation.ts";

describeGenerationContract("memory", async () => ({
  store: createMemoryGenerationStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
