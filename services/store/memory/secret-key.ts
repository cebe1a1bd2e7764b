import type { SecretKeyStore } from "../../kernel/secret-keys.ts";

/** Secret keys in memory, for tests and the simulator. */
export function createMemorySecretKeyStore(): SecretKeyStore {
  const keys = new Map<string, Uint8Array>();
  return {
    async readOrCreate(name, candidate) {
      const key = keys.get(name) ?? candidate.slice();
      keys.set(name, key);
      return key.slice();
    },
  };
}
