import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { exitCodes } from "./exit-codes.ts";
import { recordingContext, runCommand } from "./fixtures/test-command.ts";
import { buildProgram } from "./program.ts";

interface Listed {
  /** `group add` */
  readonly name: string;
  readonly command: Command;
}

/** All commands below one, by their full names. */
function listCommands(command: Command, prefix = ""): Listed[] {
  return command.commands.flatMap((child) => {
    const name = `${prefix}${child.name()}`;
    return [{ name, command: child }, ...listCommands(child, `${name} `)];
  });
}

const commands = listCommands(buildProgram(recordingContext().context));
const names = commands.map(({ name }) => name);
const reference = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");

/** The commands that a text names as `npx parley …`, each by as many words as are command names. */
function commandsIn(text: string): string[] {
  return [...text.matchAll(/npx parley (?<words>[a-z]+(?: [a-z-]+)?)/g)].map((match) => {
    const words = match.groups?.["words"] ?? "";
    return names.includes(words) ? words : (words.split(" ", 1)[0] ?? "");
  });
}

describe("help", () => {
  test.each(commands)(
    "of `parley $name` says what it does, and names only commands that exist",
    async ({ name, command }) => {
      const { status, stdout } = await runCommand([...name.split(" "), "--help"]);
      expect(status).toBe(exitCodes.ok);
      expect(stdout).toMatch(/^Usage: parley /);
      expect(command.description()).toMatch(/^[A-Z].*\.$/s);
      for (const option of command.options) expect([option.flags, option.description]).not.toContain("");
      for (const mentioned of commandsIn(stdout)) expect(names).toContain(mentioned);
    },
  );

  test("of the program lists every command and has an example", async () => {
    const { status, stdout } = await runCommand(["--help"]);
    expect(status).toBe(exitCodes.ok);
    for (const name of names.filter((one) => !one.includes(" ")))
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"));
    expect(commandsIn(stdout).length).toBeGreaterThanOrEqual(5);
    for (const mentioned of commandsIn(stdout)) expect(names).toContain(mentioned);
  });

  test("is shown for a wrong command, which is told which one was meant", async () => {
    const { status, stderr } = await runCommand(["conversation"]);
    expect(status).toBe(exitCodes.usage);
    expect(stderr).toContain("conversations");
    expect(stderr).toContain("npx parley --help");
  });
});

describe("docs/cli.md", () => {
  test("has a line for every command, and for no other", () => {
    // `dev` runs by itself and has commands below it; `group` only has those, and no options of its own.
    const runnable = commands
      .filter(({ command }) => command.commands.length === 0 || command.options.length > 0)
      .map(({ name }) => name);
    const documented = [...reference.matchAll(/^\| `parley (?<name>[a-z]+(?: [a-z-]+)?)[^`]*`/gm)].map(
      (match) => match.groups?.["name"] ?? "",
    );
    expect(documented.toSorted()).toEqual(runnable.toSorted());
    for (const mentioned of commandsIn(reference)) expect(names).toContain(mentioned);
  });

  test("lists every exit code with its number", () => {
    const documented = [...reference.matchAll(/^\| (?<code>\d) +\|/gm)].map((match) =>
      Number(match.groups?.["code"]),
    );
    expect(documented).toEqual(Object.values(exitCodes));
  });
});
