import { once } from "node:events";
import { startEtcdProcess } from "./etcd-server.ts";
import { buildGoTool, etcd, ferretdb } from "./go-tools.ts";
import { startFerretdb } from "./mongo-server.ts";

/** Where people look for them. */
const addresses = { etcd: "127.0.0.1:2379", mongo: "127.0.0.1:27017" } as const;

/** Runs etcd and a stand-in for MongoDB until a signal, for trying a cluster out where neither is at hand. */
async function main(): Promise<void> {
  say("building etcd and FerretDB with Go; the first time takes two minutes");
  for (const tool of [etcd, ferretdb]) buildGoTool(tool);
  await using running = new AsyncDisposableStack();
  running.use(await startEtcdProcess({ at: addresses.etcd }));
  running.use(await startFerretdb(addresses.mongo));
  say(`etcd at etcd://${addresses.etcd}, a stand-in for MongoDB at mongodb://${addresses.mongo}`);
  say("what they hold goes with them; Ctrl-C ends them");
  await Promise.race(["SIGINT", "SIGTERM"].map((signal) => once(process, signal)));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
