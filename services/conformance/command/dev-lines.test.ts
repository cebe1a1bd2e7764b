import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { suiteNeeds } from "../tools.ts";
import {
  type FinishedProgram,
  finish,
  type RunningProgram,
  repository,
  startParleyCommand,
  startProgram,
  type TemporaryDirectory,
  temporaryDirectory,
} from "./parley-command.ts";

/** The longest until the lines are there, in milliseconds: ten times the aim, so that only a hang fails. */
const readyMsMax = 30_000;

suiteNeeds(["bash", "curl", "npx"])("the lines that `npm start` prints", () => {
  let node: RunningProgram;
  let home: TemporaryDirectory;
  let startedMs: number;
  let commands: readonly string[];

  beforeAll(async () => {
    home = temporaryDirectory();
    const startMs = performance.now();
    const flags = ["--data", join(home.path, "data"), "--port", "0", "--password-memory-kib=64"];
    node = startParleyCommand(["dev", ...flags]);
    await node.line(/ListEntries/);
    startedMs = performance.now() - startMs;
    commands = pastedCommands(node.lines());
  }, readyMsMax);

  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  /** Pastes one of them into a shell in the repository. */
  function paste(line: string): RunningProgram {
    const environment = {
      PATH: process.env["PATH"] ?? "",
      HOME: home.path,
      PARLEY_CREDENTIALS: join(home.path, "credentials.json"),
      npm_config_cache: join(home.path, "npm"),
      npm_config_update_notifier: "false",
    };
    return startProgram("bash", ["--norc", "-c", `cd "${repository}" && exec ${line}`], { environment });
  }

  /** The command that begins like this, run to its end. */
  async function run(pattern: RegExp): Promise<FinishedProgram> {
    return finish(paste(command(pattern)));
  }

  function command(pattern: RegExp): string {
    const found = commands.find((line) => pattern.test(line));
    if (found === undefined) throw new Error(`no line like ${pattern} among:\n${commands.join("\n")}`);
    return found.replace(/^(?<variables>(?:[A-Z_]+=\S+ )+)/, "env $<variables>");
  }

  test("come within seconds, with the addresses", () => {
    expect(startedMs).toBeLessThan(readyMsMax);
    expect(node.lines()[0]).toMatch(/^Parley \d+\.\d+\.\d+ is ready after \d+\.\d s\./);
    expect(node.lines().join("\n")).toMatch(/clients {2}http:\/\/127\.0\.0\.1:\d+/);
    expect(node.lines().join("\n")).toMatch(/admin {4}http:\/\/127\.0\.0\.1:\d+/);
  });

  test("work one after another when they are pasted", { timeout: 90_000 }, async () => {
    expect(commands.length).toBe(7);
    expect(await run(/login alice/)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("as alice"),
    });
    expect(await run(/login bob/)).toMatchObject({ status: 0, stdout: expect.stringContaining("as bob") });
    expect(await run(/parley send/)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^d-.*#1$/) });
    expect(await run(/parley history/)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/alice: Hello, Bob$/),
    });
    expect(await run(/^curl/)).toMatchObject({ status: 0, stdout: expect.stringContaining('"position"') });
    expect(await run(/^npx buf curl/)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("Hello from curl"),
    });
    await using tail = paste(command(/parley tail/));
    await tail.line(/alice: Hello from curl/);
  });
});

/** The indented lines below "Paste", continued ones joined. */
function pastedCommands(lines: readonly string[]): string[] {
  const from = lines.findIndex((line) => line.startsWith("Paste"));
  const text = lines
    .slice(from)
    .filter((line) => line.startsWith("  "))
    .map((line) => line.trim())
    .join("\n");
  return text.replaceAll("\\\n", "").split("\n");
}
