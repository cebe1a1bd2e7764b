import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { ferretdb, goToolDirectory } from "./go-tools.ts";
import { suiteWithout } from "./suite-plan.ts";
import { waitUntil } from "./wait-until.ts";

/** Starts a server, prints its URL, and does nothing more. */
const program = `
  import { startMongoServer } from ${JSON.stringify(new URL("./mongo-server.ts", import.meta.url).href)};
  console.log((await startMongoServer()).url);
  setInterval(() => undefined, 1_000);
`;

async function answers(url: string): Promise<boolean> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  const isOpen = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return isOpen;
}

suiteWithout(goToolDirectory(ferretdb) === undefined ? [ferretdb.name] : [])("the server for tests", () => {
  test("ends when the process that started it is killed", async () => {
    const { PARLEY_TEST_MONGO_URL: _, ...env } = process.env;
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line]: unknown[] = await once(parent.stdout.setEncoding("utf8"), "data");
    const url = String(line).trim();
    expect(await answers(url)).toBe(true);
    parent.kill("SIGKILL");
    await waitUntil("the end of the server", async () => !(await answers(url)));
  });
});
