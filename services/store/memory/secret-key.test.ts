import { describeSecretKeyContract } from "../contract/secret-key.contract.ts";
import { createMemorySecretKeyStore } from "./secret-key.ts";

describeSecretKeyContract("memory", async () => ({
  store: createMemorySecretKeyStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
