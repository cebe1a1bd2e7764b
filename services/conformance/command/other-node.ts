import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { repository } from "./parley-command.ts";

/** A Node of this machine, outside of the repository, that is not of the major version that Parley needs. */
export function otherNode(): string | undefined {
  const directories = (process.env["PATH"] ?? "").split(delimiter);
  const found = directories
    .filter((directory) => !directory.startsWith(repository))
    .map((directory) => join(directory, "node"))
    .filter((path) => existsSync(path));
  return found.find((path) => !execFileSync(path, ["--version"], { encoding: "utf8" }).startsWith("v24."));
}
