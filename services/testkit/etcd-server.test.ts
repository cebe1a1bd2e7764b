import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { missingForEtcdProcess, startEtcdProcess } from "./etcd-server.ts";
import { suiteWithout } from "./suite-plan.ts";
import { takesConnections } from "./takes-connections.ts";
import { waitUntil } from "./wait-until.ts";

/** Starts a server, prints its address, and does nothing more. */
const program = `
  import { startEtcdProcess } from ${JSON.stringify(new URL("./etcd-server.ts", import.meta.url).href)};
  console.log((await startEtcdProcess()).address);
  setInterval(() => undefined, 1_000);
`;

suiteWithout(missingForEtcdProcess())("the etcd for tests", () => {
  test("ends when the process that started it is killed", async () => {
    const home = mkdtempSync(join(tmpdir(), "parley-etcd-test-"));
    using stack = new DisposableStack();
    stack.defer(() => rmSync(home, { recursive: true, force: true }));
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      env: { ...process.env, TMPDIR: home },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line]: unknown[] = await once(parent.stdout.setEncoding("utf8"), "data");
    const address = String(line).trim();
    expect(await takesConnections(address)).toBe(true);
    parent.kill("SIGKILL");
    await waitUntil("the end of the server", async () => !(await takesConnections(address)));
    expect(readdirSync(home)).toEqual([]);
  });

  test("is started again on its port after a kill, and ends while it stands still", async () => {
    const server = await startEtcdProcess();
    expect(server.url).toBe(`etcd://${server.address}`);
    await server.process.kill();
    expect(await takesConnections(server.address)).toBe(false);
    await server.process.start();
    expect(await takesConnections(server.address)).toBe(true);
    server.process.freeze();
    await server[Symbol.asyncDispose]();
    expect(await takesConnections(server.address)).toBe(false);
  });
});
