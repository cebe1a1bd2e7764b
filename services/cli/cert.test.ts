import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkNodeIdentity } from "../mesh/node-certificate.ts";
import { exitCodes as exit } from "./exit-codes.ts";
import { type FinishedCommand, runCommand } from "./fixtures/test-command.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "parley-cert-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function cert(...argv: string[]): Promise<FinishedCommand> {
  const place = argv[0] === "show" ? [] : ["--directory", join(directory, "made")];
  return runCommand(["cert", ...argv, ...place]);
}

function path(name: string): string {
  return join(directory, "made", name);
}

function text(name: string): string {
  return readFileSync(path(name), "utf8");
}

function materialOf(nodeId: string) {
  return { cert: text(`${nodeId}.pem`), key: text(`${nodeId}.key`), authority: text("authority.pem") };
}

function daysOf(name: string): number {
  const { validFromDate, validToDate } = new X509Certificate(text(name));
  return Math.round((validToDate.getTime() - validFromDate.getTime()) / 86_400_000);
}

describe("cert authority and cert node", () => {
  test("make files with which a node of the cluster may start, keys for their owner only", async () => {
    const authority = await cert("authority", "--cluster", "chat");
    expect([authority.status, authority.stderr]).toEqual([exit.ok, ""]);
    expect(authority.stdout).toContain("npx parley cert node NODE_ID --directory");
    const { status, stdout } = await cert("node", "node-1");
    expect(status).toBe(exit.ok);
    const chain = checkNodeIdentity(materialOf("node-1"), { cluster: "chat", nodeId: "node-1" });
    expect(chain).toHaveLength(1);
    expect([daysOf("authority.pem"), daysOf("node-1.pem")]).toEqual([3_650, 365]);
    for (const key of ["authority.key", "node-1.key"]) expect(statSync(path(key)).mode & 0o777).toBe(0o600);
    expect(stdout).toContain(
      `npx parley serve --node-id node-1 --cluster-name chat --mesh-certificate-file ${path("node-1.pem")}`,
    );
    for (const printed of [authority.stdout, stdout]) expect(printed).not.toContain("PRIVATE KEY");
  });

  test("overwrite nothing, except the certificate of a node with --replace", async () => {
    await cert("authority");
    await cert("node", "node-1", "--days", "30");
    const before = materialOf("node-1");
    const again = await Promise.all([cert("authority"), cert("node", "node-1")]);
    expect(again.map(({ status }) => status)).toEqual([exit.failed, exit.failed]);
    expect(again[0]?.stderr).toContain(`${path("authority.pem")} is there already`);
    expect(again[1]?.stderr).toContain("--replace");
    expect(materialOf("node-1")).toEqual(before);
    const replaced = await cert("node", "node-1", "--replace", "--json");
    expect(JSON.parse(replaced.stdout)).toMatchObject({ cluster: "parley", nodeId: "node-1" });
    const after = materialOf("node-1");
    expect([after.authority, after.key === before.key]).toEqual([before.authority, false]);
    expect(daysOf("node-1.pem")).toBe(365);
    expect(statSync(path("node-1.key")).mode & 0o777).toBe(0o600);
  });

  test("a key that is left of a certificate is not overwritten either", async () => {
    await cert("authority");
    writeFileSync(path("node-1.key"), "mine");
    expect((await cert("node", "node-1")).status).toBe(exit.failed);
    expect(text("node-1.key")).toBe("mine");
  });

  test("a node's certificate ends with its authority at the latest", async () => {
    await cert("authority", "--days", "10");
    await cert("node", "node-1");
    const [authority, node] = ["authority.pem", "node-1.pem"].map((name) => new X509Certificate(text(name)));
    expect(node?.validTo).toBe(authority?.validTo);
  });

  test.each([
    { argv: ["node", "node-1"], status: exit.failed, says: /npx parley cert authority/ },
    { argv: ["node", "Node 1"], status: exit.usage, says: /<node> must be .* it is Node 1/ },
    { argv: ["node", "../node-1"], status: exit.usage, says: /it is \.\.\/node-1/ },
    { argv: ["node", "authority"], status: exit.failed, says: /no node can be called authority/ },
    {
      argv: ["node", "node-1", "--days", "0"],
      status: exit.usage,
      says: /--days must be 1 to 36500, it is 0/,
    },
    { argv: ["authority", "--cluster", "Main!"], status: exit.usage, says: /--cluster must be/ },
    { argv: ["show", "/nowhere.pem"], status: exit.failed, says: /\/nowhere\.pem/ },
  ])("$argv is refused, with what is wrong", async ({ argv, status, says }) => {
    const refused = await cert(...argv);
    expect([refused.status, refused.stderr]).toEqual([status, expect.stringMatching(says)]);
  });
});

test("cert show says whose a certificate is, and how long it is valid", async () => {
  await cert("authority", "--cluster", "chat");
  await cert("node", "node-1", "--days", "30");
  const { stdout } = await cert("show", path("node-1.pem"));
  expect(stdout).toMatch(/^node node-1 of cluster chat {2}spiffe:\/\/chat\/node\/node-1\n/);
  expect(stdout).toContain("29 days left");
  const authority = await cert("show", path("authority.pem"), "--json");
  expect(JSON.parse(authority.stdout)).toMatchObject({ authority: true, nodeId: null, uri: "spiffe://chat" });
});
