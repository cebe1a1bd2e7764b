import type { ConfigLine } from "../kernel/config-doc.ts";
import type { NodeReady } from "./run-node.ts";

/** What `parley serve` says when its node is ready: what it serves, where, on what, and which settings somebody made. */
export function startLines(ready: NodeReady, config: readonly ConfigLine[]): string[] {
  const made = config.filter(({ source }) => source !== "default" && source !== "unset");
  return [
    `Parley ${ready.version} is ready after ${(ready.startMs / 1000).toFixed(1)} s.`,
    `  clients      ${[ready.public, ready.tls].filter((url) => url !== null).join("  ")}`,
    `  mesh         ${ready.mesh}`,
    `  admin        ${ready.admin}  /metrics /healthz /readyz`,
    `  store        ${ready.store}`,
    `  coordinator  ${ready.coordinator}`,
    `  serves       ${ready.serves.join(" ")}`,
    ...made.map(({ key, value, source }) => `  ${key} = ${value}  (${source})`),
    `  ${config.length - made.length} other settings have their defaults: \`parley config check\` prints all`,
  ];
}
