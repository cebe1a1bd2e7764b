import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory that is gone after the `using` block. */
export interface ScratchDirectory extends Disposable {
  readonly path: string;
}

/** Makes a directory under the system's temporary one (TMPDIR says which disk is measured). */
export function scratchDirectory(): ScratchDirectory {
  const path = mkdtempSync(join(tmpdir(), "parley-bench-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
