import { UnusableDatabase } from "./failures.ts";
import type { Procedure } from "./procedures.ts";
import type { Lookup } from "./write-batch.ts";

/** The procedures of a module, found by name. */
export interface Procedures {
  readonly read: Lookup;
  readonly write: Lookup;
}

/** Imports the module at `url` and takes its export `procedures`. Throws UnusableDatabase ("code"). */
export async function loadProcedures(url: string): Promise<Procedures> {
  let tables: unknown;
  try {
    const loaded: { readonly procedures?: unknown } = await import(url);
    tables = loaded.procedures;
  } catch (thrown) {
    throw new UnusableDatabase("code", `The procedures in ${url} do not load: ${String(thrown)}`);
  }
  return { read: lookupIn(tables, "reads", url), write: lookupIn(tables, "writes", url) };
}

function lookupIn(tables: unknown, kind: "reads" | "writes", url: string): Lookup {
  const found = new Map<string, Procedure<unknown, unknown>>();
  for (const [name, value] of entriesOf(entriesOf(tables).find(([key]) => key === kind)?.[1])) {
    if (!isProcedure(value)) throw new UnusableDatabase("code", `${url}: ${kind}.${name} is not a function`);
    found.set(name, value);
  }
  return (request) => {
    const procedure = found.get(request.name);
    if (procedure === undefined) throw new Error(`${url} has no procedure "${request.name}" in its ${kind}`);
    return procedure;
  };
}

function entriesOf(value: unknown): readonly [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

/** Whether it takes the argument that a call brings is checked where the call is written, by its type. */
function isProcedure(value: unknown): value is Procedure<unknown, unknown> {
  return typeof value === "function";
}
