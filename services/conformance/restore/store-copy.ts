import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The store's file and those that SQLite keeps beside it; the coordinator's file is not among them. */
const names = ["parley.db", "parley.db-wal", "parley.db-shm"];

/** A store as it was once. */
export interface StoreCopy extends Disposable {
  /** Replaces the store of the directory by what was copied. No node may run on it. */
  putBack(): void;
}

/** Copies the store of a data directory, on which no node may run. */
export function copyStore(dataDirectory: string): StoreCopy {
  const directory = mkdtempSync(join(tmpdir(), "parley-copy-"));
  copyFiles(dataDirectory, directory);
  return {
    putBack: () => {
      for (const name of names) rmSync(join(dataDirectory, name), { force: true });
      copyFiles(directory, dataDirectory);
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function copyFiles(from: string, to: string): void {
  for (const name of names) if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
}
