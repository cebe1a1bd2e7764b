import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { exitCodes } from "../exit-codes.ts";
import { type CommandProcess, startCommand, untilGone } from "../fixtures/command-process.ts";
import { runCommand } from "../fixtures/test-command.ts";

/** What one of these tests may take, in milliseconds; a demo takes a few seconds. */
const testMsMax = 90_000;

const readySchema = z.object({
  event: z.literal("ready"),
  nodes: z.array(z.object({ pid: z.number() })).length(3),
});

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "parley-demo-test-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function startDemo(...flags: string[]): CommandProcess {
  return startCommand(["demo", ...flags], { TMPDIR: directory });
}

/** The processes of its nodes. */
async function pidsOf(demo: CommandProcess): Promise<number[]> {
  const { nodes } = readySchema.parse(JSON.parse(await demo.line(/"event":"ready"/)));
  return nodes.map(({ pid }) => pid);
}

describe("parley demo", { timeout: testMsMax }, () => {
  test("kills the owner in the middle, ends with the verdict, and leaves nothing behind", async () => {
    await using demo = startDemo("--json", "--messages", "60");
    const pids = await pidsOf(demo);
    expect([await demo.ended, demo.notices()]).toEqual([exitCodes.ok, ""]);
    const events = demo.lines().map((line): unknown => JSON.parse(line));
    const attached = z
      .object({ owner: z.string(), alice: z.string(), bob: z.string() })
      .parse(events.find((event) => z.object({ event: z.literal("attached") }).safeParse(event).success));
    expect(new Set(Object.values(attached)).size).toBe(3);
    expect(events).toContainEqual(expect.objectContaining({ event: "killed", node: attached.owner }));
    expect(events).toContainEqual(expect.objectContaining({ event: "listed", entries: 64 }));
    expect(events.at(-1)).toMatchObject({ event: "verdict", ok: true, problems: [] });
    await untilGone(pids);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("that is interrupted ends with 1, without a verdict, and leaves nothing behind", async () => {
    await using demo = startDemo("--json", "--messages", "5000");
    const pids = await pidsOf(demo);
    await demo.line(/"event":"message"/);
    demo.signal("SIGINT");
    expect(await demo.ended).toBe(exitCodes.failed);
    expect(demo.notices()).toMatch(/interrupted/);
    expect(demo.lines().join("\n")).not.toMatch(/"event":"verdict"/);
    await untilGone(pids);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("with --keep leaves the data, and says where", async () => {
    await using demo = startDemo("--keep", "--messages", "20");
    expect(await demo.ended).toBe(exitCodes.ok);
    const [kept = ""] = readdirSync(directory);
    expect(demo.notices()).toContain(join(directory, kept));
    expect(readdirSync(join(directory, kept, "data"))).toContain("parley.db");
    expect(demo.lines().at(-1)).toBe("Nothing was lost, doubled or reordered.");
  });

  test.each(["19", "5001", "many"])("--messages %s is refused as wrong usage", async (count) => {
    const { status, stderr } = await runCommand(["demo", "--messages", count]);
    expect([status, stderr]).toEqual([exitCodes.usage, expect.stringContaining(count)]);
  });
});
