import type { SigningKeyRow, SigningKeyStore } from "../../account/ports.ts";

/** Signing keys in memory, for tests and the simulator. */
export function createMemorySigningKeyStore(): SigningKeyStore {
  let rows: readonly SigningKeyRow[] = [];
  return {
    list: async () => Array.from(rows),
    async add(row, onlyIfEmpty) {
      if (!onlyIfEmpty || rows.length === 0) rows = [row, ...rows].slice(0, 2);
    },
  };
}
