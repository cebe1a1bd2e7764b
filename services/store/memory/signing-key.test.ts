import { describeSigningKeyContract } from "../contract/signing-key.contract.ts";
import { createMemorySigningKeyStore } from "./signing-key.ts";

describeSigningKeyContract("memory", async () => ({
  store: createMemorySigningKeyStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
