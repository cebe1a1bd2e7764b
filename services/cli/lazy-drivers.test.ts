import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** Prints the packages that a program has loaded when it ends. */
const listPackages = `
  import { registerHooks } from "node:module";
  const seen = new Set();
  registerHooks({
    load: (url, context, next) => {
      const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
      if (name !== undefined) seen.add(name);
      return next(url, context);
    },
  });
  process.on("exit", () => process.stderr.write(JSON.stringify([...seen])));
`;

test("a command that needs no driver of MongoDB or etcd, nor certificates, loads none", () => {
  const node = createRequire(import.meta.url).resolve("node/bin/node");
  const program = fileURLToPath(new URL("./main.ts", import.meta.url));
  const preload = `data:text/javascript,${encodeURIComponent(listPackages)}`;
  const line = `exec "$0" --import "$1" "$2" config check 2>&1 >/dev/null`;
  const loaded: unknown = JSON.parse(
    execFileSync("sh", ["-c", line, node, preload, program], { encoding: "utf8" }),
  );
  expect(loaded).toContain("commander");
  for (const name of ["mongodb", "etcd3", "@peculiar/x509"]) expect(loaded).not.toContain(name);
});
