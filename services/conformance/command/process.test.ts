import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { loadFlags } from "../harness/load-flags.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";
import { suiteNeeds } from "../tools.ts";
import { otherNode } from "./other-node.ts";
import {
  type FinishedProgram,
  finish,
  launcher,
  nodeFlags,
  repository,
  runParley,
  startProgram,
  type TemporaryDirectory,
  temporaryDirectory,
} from "./parley-command.ts";

let node: ParleyProcess;
let home: TemporaryDirectory;

beforeAll(async () => {
  home = temporaryDirectory();
  node = await startParley({ flags: loadFlags });
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

function environment(): Record<string, string> {
  return {
    PARLEY_CREDENTIALS: join(home.path, "logins", "credentials.json"),
    PARLEY_SERVER: node.publicUrl,
    PARLEY_PASSWORD: "parley-demo",
  };
}

function parley(...argv: string[]): Promise<FinishedProgram> {
  return runParley(argv, { environment: environment() });
}

describe("the command as a process", () => {
  test("logs in, sends and lists, with results on standard output and nothing else there", async () => {
    expect(await parley("login", "alice", "--json")).toMatchObject({ status: 0, stderr: "" });
    expect(statSync(environment()["PARLEY_CREDENTIALS"] ?? "").mode & 0o777).toBe(0o600);
    const sent = await parley("send", "bob", "Hello, Bob", "--json");
    expect(JSON.parse(sent.stdout)).toMatchObject({ seq: "1" });
    const listed = await parley("history", "bob");
    expect(listed).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\S+ {2}\S+#1 {2}alice: Hello, Bob$/),
      stderr: "",
    });
  });

  test.each([
    { argv: ["history", "nobody-here"], status: 1 },
    { argv: ["no-such-command"], status: 2 },
    { argv: ["send", "--server", "http://127.0.0.1:1", "--as", "alice", "bob", "x"], status: 4 },
    { argv: ["login", "alice", "--server", "http://127.0.0.1:1"], status: 3 },
  ])("$argv ends with $status and explains itself on standard error", async ({ argv, status }) => {
    const ended = await parley(...argv);
    expect([ended.status, ended.stdout]).toEqual([status, ""]);
    expect(ended.stderr).toMatch(/^(parley|error): /m);
    expect(ended.stderr).not.toMatch(/\n\s+at /);
  });

  test("work on a store that cannot be used ends with 5 and names the file", async () => {
    using data = temporaryDirectory();
    const file = join(data.path, "parley.db");
    writeFileSync(file, "no database ".repeat(1_000));
    const ended = await parley("user", "add", "carol", "--data", data.path);
    expect(ended).toMatchObject({ status: 5, stdout: "", stderr: expect.stringContaining(file) });
  });

  test("a reader that has seen enough is no failure", async () => {
    const line = `"$NODE" "$LAUNCHER" config doc | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await finish(
      startProgram("bash", ["--norc", "-c", line], {
        environment: { NODE: join(repository, "node_modules/node/bin/node"), LAUNCHER: launcher },
      }),
    );
    expect(stdout.split("\n").at(-1)).toBe("0");
    expect(stderr).toBe("");
  });
});

const readySchema = z.object({ public: z.string(), startMs: z.number() });

suiteNeeds(otherNode() === undefined ? ["another Node than 24"] : [])(
  "the launcher under another Node",
  () => {
    const other = otherNode() ?? "";

    test("hands over to the bundled Node 24, exit codes included", async () => {
      const program = startProgram(other, [launcher, "no-such-command"]);
      expect((await finish(program)).status).toBe(2);
    });

    test("passes a signal on, and the node ends as it does by itself", async () => {
      using data = temporaryDirectory();
      await using program = startProgram(other, [launcher, "dev", "--data", data.path, ...nodeFlags]);
      const ready = readySchema.parse(JSON.parse(await program.line(/"event":"ready"/)));
      expect((await fetch(`${ready.public}/.well-known/jwks.json`)).status).toBe(200);
      program.child.kill("SIGTERM");
      expect(await program.ended).toBe(0);
    });
  },
);
