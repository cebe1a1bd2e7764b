import { expect, test } from "vitest";
import { aptGetCommand, debianPrograms } from "./debian-packages.ts";

test("the list of Debian packages names a program and a package on each line", () => {
  const programs = debianPrograms();
  expect(programs).toContainEqual({ program: "strace", packageName: "strace" });
  for (const { program, packageName } of programs) {
    expect(program).toMatch(/^[a-z0-9-]+$/);
    expect(packageName).toMatch(/^[a-z0-9.+-]+$/);
  }
});

test("packages are installed by root, or by sudo in CI, and nowhere else", () => {
  const means = { aptGet: true, root: false, sudo: true, ci: false };
  expect(aptGetCommand(means)).toBeUndefined();
  expect(aptGetCommand({ ...means, root: true })).toEqual(["apt-get"]);
  expect(aptGetCommand({ ...means, ci: true })).toEqual(["sudo", "-n", "apt-get"]);
  expect(aptGetCommand({ ...means, ci: true, sudo: false })).toBeUndefined();
  expect(aptGetCommand({ ...means, root: true, aptGet: false })).toBeUndefined();
});
