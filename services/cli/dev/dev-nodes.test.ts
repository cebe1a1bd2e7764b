import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { exitCodes } from "../exit-codes.ts";
import { type CommandProcess, isRunning, startCommand, untilGone } from "../fixtures/command-process.ts";
import { runCommand } from "../fixtures/test-command.ts";

/** What one of these tests may take, in milliseconds: several processes start one after another. */
const testMsMax = 90_000;

const viewSchema = z.object({
  node: z.string(),
  state: z.string(),
  pid: z.number().nullable(),
  public: z.url().nullable(),
  admin: z.url().nullable(),
});

let directory: string;
let data: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "parley-dev-"));
  data = join(directory, "data");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function startDev(...flags: string[]): CommandProcess {
  return startCommand(["dev", "--port", "0", "--data", data, "--password-memory-kib=64", ...flags]);
}

/** Runs a command that speaks to the running one. */
function control(...argv: string[]) {
  return runCommand(["dev", ...argv, "--data", data]);
}

/** The nodes as `dev list` shows them. */
async function list() {
  const { status, stdout, stderr } = await control("list", "--json");
  expect([status, stderr]).toEqual([exitCodes.ok, ""]);
  return stdout.split("\n").map((line) => viewSchema.parse(JSON.parse(line)));
}

async function pids(): Promise<number[]> {
  return (await list()).flatMap(({ pid }) => (pid === null ? [] : [pid]));
}

describe("parley dev --nodes", { timeout: testMsMax }, () => {
  test("starts processes, reports one that is killed, starts it again where it was, adds one, and ends with all of them", async () => {
    await using dev = startDev("--nodes", "2");
    await dev.line(/^Parley \d.* 2 nodes are ready/);
    expect(await dev.line(/npx parley dev kill 2 /)).toContain(`--data ${data}`);
    const before = await list();
    expect(before.map(({ node, state }) => [node, state])).toEqual([
      ["node-1", "up"],
      ["node-2", "up"],
    ]);

    const killed = await control("kill", "2");
    expect(killed).toMatchObject({ status: exitCodes.ok, stdout: "node-2 was killed by SIGKILL" });
    await dev.line(/^node-2 was killed by SIGKILL$/);
    expect((await list())[1]).toMatchObject({ state: "was killed by SIGKILL", pid: null });
    expect((await control("kill", "2")).stderr).toMatch(/does not run/);

    const again = await control("start", "2");
    expect(again).toMatchObject({ status: exitCodes.ok, stdout: `node-2 is ready: ${before[1]?.public}` });
    expect((await list())[1]).toMatchObject({
      state: "up",
      public: before[1]?.public,
      admin: before[1]?.admin,
    });
    expect((await control("start", "1")).stderr).toMatch(/node-1 runs already/);
    expect((await control("start", "5")).stderr).toMatch(/there are node-1, node-2/);

    expect((await control("add")).stdout).toMatch(/^node-3 is ready: http/);
    const running = await pids();
    expect(running.length).toBe(3);

    // A frozen node hears no signal but SIGCONT, and is to end with the others all the same.
    await control("kill", "3", "--signal", "SIGSTOP");
    dev.signal("SIGTERM");
    expect(await dev.ended).toBe(exitCodes.ok);
    expect(running.filter(isRunning)).toEqual([]);
    expect(existsSync(join(data, "dev.sock"))).toBe(false);
    expect((await control("list")).status).toBe(exitCodes.unavailable);
  });

  test("--json says when each node is ready and has ended; with the last one the command ends", async () => {
    await using dev = startDev("--nodes", "2", "--json");
    const ready = [await dev.line(/"node":"node-1"/), await dev.line(/"node":"node-2"/)].map((line) =>
      JSON.parse(line),
    );
    const user = expect.stringMatching(/^[0-9a-z]{13}$/);
    const common = {
      event: "ready",
      pid: expect.any(Number),
      alice: user,
      bob: user,
      public: expect.any(String),
    };
    expect(ready).toEqual([
      expect.objectContaining({ ...common, node: "node-1" }),
      expect.objectContaining({ ...common, node: "node-2" }),
    ]);
    expect((await control("kill", "1", "--signal", "SIGSTOP")).stdout).toBe("SIGSTOP was sent to node-1");
    await control("kill", "1");
    await control("kill", "2", "--signal", "SIGTERM");
    expect(await dev.ended).toBe(exitCodes.failed);
    expect(dev.lines()).toContain('{"event":"ended","node":"node-1","code":null,"signal":"SIGKILL"}');
    expect(dev.lines()).toContain('{"event":"ended","node":"node-2","code":0,"signal":null}');
  });

  test("a second signal ends everything at once", async () => {
    await using dev = startDev("--nodes", "2");
    await dev.line(/2 nodes are ready/);
    const running = await pids();
    // Two different ones, since two of a kind that come together are one.
    dev.signal("SIGINT");
    dev.signal("SIGTERM");
    expect(await dev.ended).toBe(exitCodes.stoppedEarly);
    await untilGone(running);
  });

  test("no node outlives a command that is killed, and the next one takes over the directory", async () => {
    await using dev = startDev("--nodes", "2");
    await dev.line(/2 nodes are ready/);
    const running = await pids();
    dev.signal("SIGKILL");
    await untilGone(running);
    expect(existsSync(join(data, "dev.sock"))).toBe(true);
    await using next = startDev("--nodes", "2");
    await next.line(/2 nodes are ready/);
    next.signal("SIGINT");
    expect(await next.ended).toBe(exitCodes.ok);
  });

  test("a node that cannot start is named, its log shown, and the others are stopped", async () => {
    await using first = startDev("--json");
    const port = new URL(z.object({ public: z.url() }).parse(JSON.parse(await first.line(/ready/))).public)
      .port;
    // The second node's port is taken.
    const argv = ["dev", "--nodes", "2", "--port", String(Number(port) - 10), "--data", `${data}-2`];
    await using dev = startCommand([...argv, "--password-memory-kib=64"]);
    expect(await dev.ended).toBe(exitCodes.startFailed);
    expect(dev.notices()).toMatch(/^node-2 \| .*EADDRINUSE/m);
    expect(dev.notices()).toMatch(/^parley: node-2 could not start/m);
  });
});

describe("parley dev with settings that do not fit several nodes", () => {
  test.each([
    { argv: ["--nodes", "0"], says: /1 to 9/ },
    { argv: ["--nodes", "2", "--public-port", "9000"], says: /--public-port is for one node.*--port/ },
    { argv: ["--nodes", "2", "--node-id", "x"], says: /--node-id is for one node/ },
    { argv: ["--nodes", "2", "--port", "65530"], says: /--port must be 0 or a port up to/ },
    { argv: ["kill", "node-x"], says: /node-x/ },
    { argv: ["kill", "1", "--signal", "SIGFOO"], says: /SIGKILL, SIGTERM/ },
  ])("$argv is refused as wrong usage", async ({ argv, says }) => {
    const { status, stderr } = await runCommand(["dev", ...argv]);
    expect([status, stderr]).toEqual([exitCodes.usage, expect.stringMatching(says)]);
  });
});
