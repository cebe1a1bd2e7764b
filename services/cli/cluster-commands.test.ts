import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Node } from "../../gen/parley/admin/v1/node_pb.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { cluster } from "./commands/cluster.ts";
import { exitCodes } from "./exit-codes.ts";
import { type FakeNode, healthyCluster, startFakeNode } from "./fixtures/fake-node.ts";
import { recordingContext, runCommand } from "./fixtures/test-command.ts";

let a: FakeNode;
let nodes: Node[];

beforeEach(async () => {
  a = await startFakeNode("a");
  nodes = healthyCluster({ a });
  a.nodes = nodes;
});

afterEach(() => a[Symbol.asyncDispose]());

describe("cluster", () => {
  test("lists the nodes for people, and as JSON with every field", async () => {
    const { status, stdout } = await runCommand(["cluster", "--admin", `${a.adminUrl}/`]);
    expect(status).toBe(exitCodes.ok);
    expect(stdout.split("\n")).toEqual([
      expect.stringMatching(/^node /),
      expect.stringMatching(/^a \* +up /),
    ]);
    const json = await runCommand(["cluster", "--admin", a.adminUrl, "--json"]);
    const schema = z.object({
      nodeId: z.literal("a"),
      draining: z.literal(false),
      topicsOwned: z.literal(0),
    });
    expect(schema.safeParse(JSON.parse(json.stdout)).success).toBe(true);
  });

  test("says where nobody answers, with 3", async () => {
    await a.stopAdmin();
    const { status, stderr } = await runCommand(["cluster", "--admin", a.adminUrl]);
    expect([status, stderr]).toEqual([exitCodes.unavailable, expect.stringContaining(a.adminUrl)]);
  });

  test("with --watch goes on until the signal, through a time without an answer", async () => {
    const { context, printed, abort } = recordingContext();
    const watching = cluster(context, { admin: a.adminUrl, watch: true });
    await waitUntil("a table", () => printed.some((line) => line.startsWith("a *")));
    await a.stopAdmin();
    await waitUntil("word of the trouble", () => printed.some((line) => line.includes("no node answers")));
    abort.abort();
    await expect(watching).resolves.toBeUndefined();
  });

  test("with --watch on a terminal draws over what was there", async () => {
    const { context, printed, abort } = recordingContext();
    const watching = cluster({ ...context, terminal: true }, { admin: a.adminUrl, watch: true });
    await waitUntil("a table", () => printed.length > 0);
    abort.abort();
    await watching;
    expect(printed[0]?.startsWith("\u001b[H\u001b[Jnode ")).toBe(true);
  });
});

describe("drain and undrain", () => {
  test("ask any node to pass it on", async () => {
    for (const command of ["drain", "undrain"]) {
      const { status, stdout } = await runCommand([command, "b", "--admin", a.adminUrl]);
      expect([status, stdout]).toEqual([exitCodes.ok, expect.stringMatching(/^b /)]);
    }
    expect(a.asked).toEqual(["drain b", "undrain b"]);
  });

  test("with --wait ends once the node has neither devices nor topics, or is gone", async () => {
    const [node] = nodes;
    Object.assign(node ?? {}, { draining: true, attachedDevices: 1 });
    const waiting = runCommand(["drain", "a", "--wait", "--admin", a.adminUrl]);
    await waitUntil("the drain", () => a.asked.length > 0);
    Object.assign(node ?? {}, { attachedDevices: 0 });
    expect(await waiting).toMatchObject({
      status: exitCodes.ok,
      stdout: expect.stringMatching(/no devices/),
    });
    const gone = await runCommand(["drain", "b", "--wait", "--admin", a.adminUrl]);
    expect(gone.status).toBe(exitCodes.ok);
  });
});
