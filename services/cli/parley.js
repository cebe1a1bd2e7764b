#!/usr/bin/env node
// Plain JavaScript on purpose: any Node runs this file, and it hands over to the Node 24 that Parley brings along.
import { spawn } from "node:child_process";
import module, { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const neededMajor = "24";
const launcher = fileURLToPath(import.meta.url);

if (process.versions.node.split(".")[0] === neededMajor) {
  // Halves the time to start. In the clone, not in the shared temporary directory, where others could plant code.
  module.enableCompileCache(fileURLToPath(new URL("../../.cache/compiled", import.meta.url)));
  await import("./main.ts");
} else {
  runUnderBundledNode();
}

function runUnderBundledNode() {
  const node = createRequire(import.meta.url).resolve("node/bin/node");
  const child = spawn(node, [launcher, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(
      `parley: cannot run the bundled Node ${neededMajor}: ${error.message}; run npm ci again\n`,
    );
    process.exitCode = 5;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
    // Its listeners would keep this process; the child's end is ours.
    process.removeAllListeners();
  });
}
