import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory that is gone after the `using` block, or when the process exits in it. */
export interface ScratchDirectory extends Disposable {
  readonly path: string;
}

/** Makes a directory under the system's temporary one (TMPDIR says which disk is measured). */
export function scratchDirectory(): ScratchDirectory {
  const path = mkdtempSync(join(tmpdir(), "parley-bench-"));
  const remove = (): void => rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  process.once("exit", remove);
  return {
    path,
    [Symbol.dispose]: () => {
      process.removeListener("exit", remove);
      remove();
    },
  };
}
