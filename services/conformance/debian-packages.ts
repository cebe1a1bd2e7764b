import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The longest that one call of apt-get may take, in milliseconds. */
export const aptMsMax = 180_000;

/** A program that suites use, and the package that brings it. */
export interface DebianProgram {
  readonly program: string;
  readonly packageName: string;
}

/** What debian-packages.txt lists: a program and its package a line, comments after `#`. */
export function debianPrograms(): readonly DebianProgram[] {
  const text = readFileSync(new URL("./debian-packages.txt", import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => {
      const [program = "", packageName = ""] = line.trim().split(/\s+/);
      return { program, packageName };
    });
}

/** What this machine has, as far as installing goes. */
export interface InstallMeans {
  readonly aptGet: boolean;
  readonly root: boolean;
  readonly sudo: boolean;
  /** CI=true: a machine of nobody's, where sudo needs no question. */
  readonly ci: boolean;
}

/** How apt-get is called here; undefined where packages may not be installed. */
export function aptGetCommand(means: InstallMeans): readonly string[] | undefined {
  if (!means.aptGet) return undefined;
  if (means.root) return ["apt-get"];
  return means.ci && means.sudo ? ["sudo", "-n", "apt-get"] : undefined;
}

/** Installs packages. Throws, with apt's own words, when they cannot be had. */
export function installDebianPackages(aptGet: readonly string[], names: readonly string[]): void {
  const [file = "", ...prefix] = aptGet;
  const options = {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: "pipe",
    timeout: aptMsMax,
    encoding: "utf8",
  } as const;
  execFileSync(file, [...prefix, "update", "-qq"], options);
  execFileSync(file, [...prefix, "install", "-y", "-qq", "--no-install-recommends", ...names], options);
}
