import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { waitUntil } from "../testkit/wait-until.ts";
import { exitCodes } from "./exit-codes.ts";
import { startCommand } from "./fixtures/command-process.ts";
import { runCommand } from "./fixtures/test-command.ts";

/** What one of these tests may take, in milliseconds: several processes start one after another. */
const testMsMax = 120_000;

let directory: string;
let data: string;
let logins: Record<string, string>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "parley-explain-"));
  data = join(directory, "data");
  logins = { PARLEY_CREDENTIALS: join(directory, "credentials.json"), PARLEY_PASSWORD: "parley-demo" };
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const nodeSchema = z.object({ node: z.string(), pid: z.number(), public: z.url(), admin: z.url() });

/** The nodes of the running `parley dev --nodes`. */
async function listNodes(): Promise<z.infer<typeof nodeSchema>[]> {
  const { stdout } = await runCommand(["dev", "list", "--data", data, "--json"]);
  return stdout.split("\n").map((line) => nodeSchema.parse(JSON.parse(line)));
}

/** Runs a command that must succeed, and answers what it printed. */
async function run(...argv: string[]): Promise<string> {
  const { status, stdout, stderr } = await runCommand(argv, { environment: logins });
  expect([status, stderr]).toEqual([exitCodes.ok, ""]);
  return stdout;
}

describe("parley explain", { timeout: testMsMax }, () => {
  test("follows a message through real nodes to a real device, and calls unknown what a node cannot say any more", async () => {
    await using dev = startCommand([
      "dev",
      "--nodes",
      "2",
      "--port",
      "0",
      "--data",
      data,
      "--password-memory-kib=64",
    ]);
    await dev.line(/2 nodes are ready/);
    const [one, two] = await listNodes();
    if (one === undefined || two === undefined) throw new Error("there are two nodes");
    await run("login", "alice", "--server", one.public);
    await run("login", "bob", "--server", two.public);
    await using tail = startCommand(["tail", "--as", "bob", "--server", two.public], logins);
    const explain = (seq: string, admin: string): Promise<string> =>
      run("explain", "alice", seq, "bob", "--admin", admin);

    // Messages of the first two seconds are too young to say that a node remembers everything since before them.
    let seq = "";
    const timeline = await waitUntil(
      "a message of which everything is known",
      async () => {
        const sent = await run("send", "--as", "alice", "--server", one.public, "bob", "hello");
        seq = sent.split("#")[1] ?? "";
        await tail.line(new RegExp(`#${seq} `));
        const text = await explain(seq, one.admin);
        return /unknown|not /.test(text) ? undefined : text;
      },
      { timeoutMs: 30_000 },
    );
    expect(timeline).toMatch(/^entry +#\d+, id \w+, in the store: it is committed$/m);
    expect(timeline).toMatch(/Z +node-[12] +accepted/);
    expect(timeline).toMatch(/Z +node-[12] +committed/);
    expect(timeline).toMatch(/Z +node-2 +pushed to device \w+/);
    expect(timeline).toMatch(/Z +node-2 +acknowledged by device \w+/);
    expect(await explain(seq, two.admin)).toBe(timeline);

    const [, { pid } = two] = await listNodes();
    process.kill(pid, "SIGSTOP");
    const frozen = await explain(seq, one.admin);
    process.kill(pid, "SIGCONT");
    expect(frozen).toMatch(/node-2 +unknown: it did not answer \(.+\)/);
    expect(frozen).not.toMatch(/not pushed|pushed to/);

    await run("dev", "kill", "2", "--data", data);
    await run("dev", "start", "2", "--data", data);
    const restarted = await waitUntil(
      "the node that was started again answers",
      async () => {
        const text = await explain(seq, one.admin);
        return text.includes("did not answer") || !text.includes("node-2 ") ? undefined : text;
      },
      { timeoutMs: 30_000 },
    );
    expect(restarted).toMatch(/node-2 +unknown what else it did before /);
    expect(restarted).not.toMatch(/not pushed:|pushed to/);
  });
});
