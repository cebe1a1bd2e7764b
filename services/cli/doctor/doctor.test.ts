import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { LinkState, type Node, NodeSchema } from "../../../gen/parley/admin/v1/node_pb.ts";
import { exitCodes } from "../exit-codes.ts";
import { type FakeNode, healthyCluster, refusal, startFakeNode } from "../fixtures/fake-node.ts";
import { runCommand, startCommandNode } from "../fixtures/test-command.ts";
import { examine } from "./examine.ts";
import { pageBytesMax } from "./metrics-page.ts";
import { checkHealth, healthzMsMax } from "./node-checks.ts";

let a: FakeNode;
let b: FakeNode;
let nodes: Node[];

beforeEach(async () => {
  [a, b] = await Promise.all([startFakeNode("a"), startFakeNode("b")]);
  nodes = healthyCluster({ a, b });
  a.nodes = nodes;
  b.nodes = nodes;
});

afterEach(() => Promise.all([a[Symbol.asyncDispose](), b[Symbol.asyncDispose]()]));

const diagnosisSchema = z.object({
  check: z.string(),
  level: z.enum(["ok", "note", "wrong"]),
  text: z.string(),
  advice: z.string(),
});

/** What the command finds, asked to look at `a`. */
async function findings(...more: string[]) {
  const { status, stdout } = await runCommand(["doctor", "--admin", a.adminUrl, "--json", ...more]);
  const all = stdout.split("\n").map((line) => diagnosisSchema.parse(JSON.parse(line)));
  return { status, all, bad: all.filter(({ level }) => level !== "ok") };
}

/** The node of that id in the list of both. */
function listed(nodeId: string): Node {
  const found = nodes.find((node) => node.nodeId === nodeId);
  if (found === undefined) throw new Error(`no ${nodeId}`);
  return found;
}

function linkOf(from: string): NonNullable<Node["links"][number]> {
  const [link] = listed(from).links;
  if (link === undefined) throw new Error(`no link of ${from}`);
  return link;
}

describe("a healthy cluster", () => {
  test("passes every check, with the other node found through the first", async () => {
    const { status, all, bad } = await findings();
    expect([status, bad]).toEqual([exitCodes.ok, []]);
    expect(all.length).toBe(examine({ admins: [], publics: [], atMs: 0 }).length);
    expect(all.find(({ check }) => check === "admin listener")?.text).toBe("2 answer");
    expect(all.find(({ check }) => check === "public address")?.text).toBe("2 answer");
  });

  test("is told for people as well, a line per check", async () => {
    const { stdout } = await runCommand(["doctor", "--admin", a.adminUrl]);
    expect(stdout).toMatch(/^ok {5}versions {12}0\.1\.0$/m);
  });
});

/** Each breaks one thing, and is what exactly one check complains of. */
const breakages: readonly {
  readonly check: string;
  readonly what: string;
  readonly level?: "note";
  readonly says: RegExp;
  readonly make: () => void | Promise<void>;
}[] = [
  {
    check: "admin listener",
    what: "a node that is registered has no admin listener",
    says: /nobody answers at http.*ECONNREFUSED/,
    make: () => b.stopAdmin(),
  },
  {
    check: "healthz",
    what: "a node says that it is not alive",
    says: /says 500: oh/,
    make: () => void Object.assign(b.healthz, { status: 500, text: "oh" }),
  },
  {
    check: "readyz",
    what: "a node is not ready for a reason of its own",
    says: /says 503: not ready: starting/,
    make: () => void Object.assign(b.readyz, { status: 503, text: "not ready: starting" }),
  },
  {
    check: "node ids",
    what: "a node says that another has its id",
    says: /conflict/,
    make: () => void Object.assign(b.readyz, { status: 503, text: "not ready: conflict: b runs twice" }),
  },
  {
    check: "clocks",
    what: "a clock is a minute ahead",
    says: /(59|60)\.\d s ahead of/,
    make: () => {
      b.clockAheadMs = 60_000;
    },
  },
  {
    check: "clocks",
    what: "a clock is behind",
    says: /behind this/,
    make: () => {
      b.clockAheadMs = -10_000;
    },
  },
  {
    check: "membership",
    what: "a node does not say which nodes there are",
    says: /does not say which nodes/,
    make: () => {
      b.nodes = undefined;
    },
  },
  {
    check: "membership",
    what: "a node knows only itself",
    says: /^a knows of a, b; b knows of b$/,
    make: () => {
      b.nodes = nodes.filter(({ nodeId }) => nodeId === "b");
    },
  },
  {
    check: "answers",
    what: "a node is registered and does not answer",
    says: /^c is registered/,
    make: () => {
      const c = create(NodeSchema, { nodeId: "c", version: "0.1.0", protocolMin: 1, protocolMax: 1 });
      for (const fake of [a, b]) fake.nodes = [...nodes, c];
    },
  },
  {
    check: "versions",
    what: "a node speaks no protocol of the other's",
    says: /^b speaks link protocol 3 and newer, another node none above 2/,
    make: () => void Object.assign(listed("b"), { protocolMin: 3, protocolMax: 4 }),
  },
  {
    check: "versions",
    what: "there are two versions",
    level: "note",
    says: /0\.1\.0 \(a\), 0\.2\.0 \(b\)/,
    make: () => void Object.assign(listed("b"), { version: "0.2.0" }),
  },
  {
    check: "roles",
    what: "no node may own topics",
    says: /no node appends/,
    make: () => nodes.forEach((node) => Object.assign(node, { roles: ["session"] })),
  },
  {
    check: "links",
    what: "one way is refused",
    says: /^a > b is refused: no common protocol$/,
    make: () => void Object.assign(linkOf("a"), { state: LinkState.REFUSED, reason: "no common protocol" }),
  },
  {
    check: "links",
    what: "the other way is missing",
    says: /^b > a is missing$/,
    make: () => void Object.assign(listed("b"), { links: [] }),
  },
  {
    check: "draining",
    what: "a node drains",
    level: "note",
    says: /^b drains, and has 3 devices$/,
    make: () => {
      Object.assign(listed("b"), { draining: true, attachedDevices: 3 });
      Object.assign(b.readyz, { status: 503, text: "not ready: draining" });
    },
  },
  {
    check: "public address",
    what: "nobody answers where a node says that clients reach it",
    says: /nobody answers at http.* \(b\)/,
    make: () => b.stopPublic(),
  },
  {
    check: "public address",
    what: "something else than a node answers there",
    says: /\(b\) answers 404/,
    make: () => void Object.assign(b.jwks, { status: 404, text: "?" }),
  },
  {
    check: "store",
    what: "a node cannot read the store",
    says: /cannot be read at .*\(b\).*STORE_UNAVAILABLE/,
    make: () => {
      b.loginRefusal = refusal(Code.Unavailable, "STORE_UNAVAILABLE");
    },
  },
  {
    check: "store",
    what: "a node does not let itself be asked now",
    level: "note",
    says: /could not be told .*RATE_LIMITED/,
    make: () => {
      b.loginRefusal = refusal(Code.ResourceExhausted, "RATE_LIMITED");
    },
  },
  {
    check: "store",
    what: "a node says that it does not reach the store",
    says: /^b says that it does not reach the store$/,
    make: () => measures("parley_coordinator_available 1", "parley_store_away 1"),
  },
  {
    check: "store",
    what: "a node does not reach the store, and a login there fails for that reason",
    says: /cannot be read at .*\(b\)/,
    make: () => {
      b.loginRefusal = refusal(Code.Unavailable, "STORE_UNAVAILABLE");
      measures("parley_coordinator_available 1", "parley_store_away 1");
    },
  },
  {
    check: "coordinator",
    what: "a node does not reach the coordinator",
    says: /^b does not reach the coordinator$/,
    make: () => measures("# TYPE parley_coordinator_available gauge", "parley_coordinator_available 0"),
  },
  {
    check: "coordinator",
    what: "a node does not show what it measures",
    level: "note",
    says: /could not be told at .*\/metrics: it answers 500$/,
    make: () => void Object.assign(b.metrics, { status: 500 }),
  },
  {
    check: "coordinator",
    what: "what a node measures stands behind the part of the page that is read",
    level: "note",
    says: /could not be told at .*: the page does not say$/,
    make: () => measures(`# ${"x".repeat(pageBytesMax)}`, "parley_coordinator_available 1"),
  },
  {
    check: "certificates",
    what: "a certificate ends within two weeks",
    level: "note",
    says: /^the certificate of b's tls port ends at 2\d{3}-/,
    make: () =>
      measures("parley_coordinator_available 1", certificate("tls", 13.9), certificate("mesh", 14.1)),
  },
  {
    check: "certificates",
    what: "a certificate ends within three days",
    says: /^the certificate of b's mesh port ends at /,
    make: () => measures("parley_coordinator_available 1", certificate("mesh", 2.9)),
  },
  {
    check: "certificates",
    what: "a certificate has ended",
    says: /^the certificate of b's mesh port ended at /,
    make: () => measures("parley_coordinator_available 1", certificate("mesh", -0.1)),
  },
];

/** Lets `b` measure this. */
function measures(...lines: string[]): void {
  b.metrics.text = `${lines.join("\n")}\n`;
}

/** A line that says in how many days the certificate of a port ends. */
function certificate(port: string, days: number): string {
  const seconds = Date.now() / 1_000 + days * 86_400;
  return `parley_certificate_expiry_timestamp_seconds{port="${port}"} ${seconds}`;
}

describe("each check complains of what it is for, and no other does", () => {
  test.each(breakages)("$check: $what", async ({ check, level = "wrong", says, make }) => {
    await make();
    const { status, bad } = await findings();
    expect(bad).toEqual([
      { check, level, text: expect.stringMatching(says), advice: expect.stringMatching(/\w/) },
    ]);
    expect(status).toBe(level === "wrong" ? exitCodes.failed : exitCodes.ok);
  });

  test("node ids: the same id answers at two places in two incarnations", async () => {
    const twin = await startFakeNode("a");
    const [self] = healthyCluster({ a: twin });
    twin.nodes = self === undefined ? [] : [{ ...self, incarnation: "a-2" }, listed("b")];
    const { bad } = await findings("--admin", twin.adminUrl);
    await twin[Symbol.asyncDispose]();
    expect(bad).toContainEqual(
      expect.objectContaining({
        check: "node ids",
        text: `a answers at ${a.adminUrl} and at ${twin.adminUrl}`,
      }),
    );
  });

  test("healthz: an answer that takes longer than a second", () => {
    const healthz = {
      kind: "answered",
      status: 200,
      text: "ok",
      tookMs: healthzMsMax + 1,
      aheadMs: 0,
    } as const;
    const silent = { kind: "silent", reason: "not asked" } as const;
    const admin = { url: "http://x", healthz, readyz: silent, cluster: silent, metrics: silent };
    const [found] = checkHealth({ admins: [admin], publics: [], atMs: 0 });
    expect(found).toMatchObject({ level: "wrong", text: "http://x/healthz took 1001 ms" });
  });
});

test("a real node measures what the doctor looks for", async () => {
  await using real = await startCommandNode();
  const { stdout } = await runCommand(["doctor", "--admin", real.node.addresses.admin]);
  expect(stdout).toMatch(/^ok {5}coordinator /m);
  expect(stdout).toMatch(/^ok {5}store /m);
});

test("an address for clients that is named is looked at beside those of the nodes", async () => {
  const { status, bad } = await findings("--server", "http://127.0.0.1:1");
  expect(status).toBe(exitCodes.failed);
  expect(bad.map(({ text }) => text)).toEqual([expect.stringContaining("http://127.0.0.1:1")]);
});

test("without anybody at the admin listener that is all that is said, and what is no URL is refused", async () => {
  await a.stopAdmin();
  const { bad } = await findings();
  expect(bad.map(({ check }) => check)).toEqual(["admin listener"]);
  const { status, stderr } = await runCommand(["doctor", "--admin", "node-1"]);
  expect([status, stderr]).toEqual([exitCodes.usage, expect.stringContaining("node-1")]);
});
