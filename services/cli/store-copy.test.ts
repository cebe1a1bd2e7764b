import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { z } from "zod";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { copyRows } from "../store/contract/copy-rows.ts";
import { entryRow, group } from "../store/contract/message-rows.ts";
import { openSqliteCopyEnd } from "../store/sqlite/open.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { startCommand } from "./fixtures/command-process.ts";
import { runCommand } from "./fixtures/test-command.ts";

const surroundings = { clock: systemClock(), logger: silentLogger, metrics: silentMetrics };
const entries = 60_000;

const compared = z.object({ collection: z.string(), rows: z.number(), checksum: z.string() });

/** A directory with a large store in `from`. */
async function openWorld(): Promise<Disposable & { readonly from: string; readonly to: string }> {
  const directory = mkdtempSync(join(tmpdir(), "parley-store-copy-"));
  const [from, to] = [join(directory, "from"), join(directory, "to")];
  const end = await openSqliteCopyEnd({ directory: from, ...surroundings });
  const { account, entry, secret_key, epoch_mark } = end.copiers;
  await account.writeAll(copyRows.account);
  await secret_key.writeAll(copyRows.secret_key);
  await epoch_mark.writeAll(copyRows.epoch_mark);
  for (let first = 1; first <= entries; first += 5_000) {
    await entry.writeAll(Array.from({ length: 5_000 }, (_, index) => entryRow(group, BigInt(first + index))));
  }
  await end.stop();
  // As nodes leave it, so that the copy does not wait for a tick.
  writeFileSync(join(from, "cluster.db"), "");
  return { from, to, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

/** How many entries have arrived in a store; 0 before it is there. */
function arrived(directory: string): number {
  const path = join(directory, "parley.db");
  if (!existsSync(path)) return 0;
  try {
    using file = new DatabaseSync(path, { readOnly: true });
    return Number(file.prepare("SELECT count(*) AS rows FROM entry").get()?.["rows"]);
  } catch {
    // It is being made at this moment.
    return 0;
  }
}

test("a copy that is killed goes on when it is run again; meanwhile nothing opens the store, and in the end both are equal", {
  timeout: 120_000,
}, async () => {
  using world = await openWorld();
  const argv = ["store", "copy", `sqlite:${world.from}`, `sqlite:${world.to}`];
  await using first = startCommand(argv);
  await waitUntil("some entries have arrived", () => arrived(world.to) > 1_000, { timeoutMs: 30_000 });
  first.signal("SIGKILL");
  expect(await first.ended).toBe("SIGKILL");
  const before = arrived(world.to);
  expect(before).toBeLessThan(entries);
  const early = await runCommand(["user", "add", "zoe", "--data", world.to], {
    environment: { PARLEY_PASSWORD: "a long password" },
  });
  expect(early).toMatchObject({ status: 5, stderr: expect.stringContaining("did not come to its end") });

  const again = await runCommand([...argv, "--json"]);
  expect([again.status, again.stderr]).toEqual([0, ""]);
  const rows = again.stdout.split("\n").map((line) => compared.parse(JSON.parse(line)));
  expect(rows.find(({ collection }) => collection === "entry")?.rows).toBe(entries);
  const verified = await runCommand([...argv, "--json", "--verify-only"]);
  expect(verified.stdout).toBe(again.stdout);
  const third = await runCommand(argv);
  expect(third).toMatchObject({ status: 1, stderr: expect.stringContaining("not empty") });
});

test("a row that differs is told with its collection, and the command fails", {
  timeout: 60_000,
}, async () => {
  using world = await openWorld();
  const argv = ["store", "copy", `sqlite:${world.from}`, `sqlite:${world.to}`];
  expect((await runCommand(argv)).status).toBe(0);
  using file = new DatabaseSync(join(world.to, "parley.db"));
  file.exec("UPDATE entry SET has_effects = 1 WHERE seq = 12345");
  const { status, stdout, stderr } = await runCommand([...argv, "--verify-only"]);
  expect(status).toBe(1);
  expect(stdout).toMatch(/^entry +12344 .*DIFFERS$/m);
  expect(stdout).toMatch(/^account +3 .*equal$/m);
  expect(stderr).toMatch(
    /entry differs after 12344 equal rows, between g-1+ 12251 and g-1+ 12500: first at g-1+ 12345/,
  );
});

test("a raised epoch is above the one before, and in the store's lineage", { timeout: 60_000 }, async () => {
  using world = await openWorld();
  const raise = () => runCommand(["store", "raise-epoch", "--json", "--data", world.from]);
  const parse = ({ stdout }: { stdout: string }) =>
    z.object({ before: z.string(), epoch: z.string() }).parse(JSON.parse(stdout));
  const [first, second] = [parse(await raise()), parse(await raise())];
  expect(first.before).toBe("10");
  expect(second.before).toBe(first.epoch);
  using file = new DatabaseSync(join(world.from, "parley.db"));
  expect(file.prepare("SELECT lineage FROM epoch_mark").get()?.["lineage"]).toBe(
    `1,2,10,${first.epoch},${second.epoch}`,
  );
});

test.each([
  [["sqlite:x", "redis://y"], 2, /TO is sqlite:DIRECTORY or mongodb/],
  [["mongodb://u:secret@h/d", "sqlite:x"], 2, /set PARLEY_FROM_PASSWORD/],
  [["sqlite:x", "sqlite:x"], 2, /the same store/],
  [["sqlite:/nowhere/at-all", "sqlite:y"], 1, /there is no store in \/nowhere\/at-all/],
])("store copy %j is refused", async (argv, status, message) => {
  const finished = await runCommand(["store", "copy", ...argv]);
  expect(finished).toMatchObject({ status, stdout: "" });
  expect(finished.stderr).toMatch(message);
  expect(finished.stderr).not.toContain("secret@");
});
