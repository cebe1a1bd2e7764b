import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { missingForMongo, startMongoServer } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { startParleyCommand } from "../command/parley-command.ts";
import { readMetrics, sumOf } from "../harness/metrics-page.ts";
import { loginUser } from "../harness/user.ts";
import { CopiedWorld } from "./copied-world.ts";

const compared = z.object({ collection: z.string(), rows: z.number(), checksum: z.string() });
const raised = z.object({ before: z.string(), epoch: z.string() });

/** Runs the command to its end. A copy from MongoDB takes longer than a node's tick at least. */
async function run(argv: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  await using running = startParleyCommand(argv, { environment });
  return { status: await running.ended, stdout: running.output().trimEnd(), stderr: running.notices() };
}

/** Copies, which must succeed, and answers what was compared. */
async function copy(from: string, to: string) {
  const argv = ["store", "copy", from, to, "--allow-unsafe", "--json"];
  const { status, stdout, stderr } = await run(argv);
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  return stdout.split("\n").map((line) => compared.parse(JSON.parse(line)));
}

suiteWithout(missingForMongo())("a store that is copied from SQLite to MongoDB", () => {
  test("lists the same, keeps tokens and positions of devices, and comes back with the checksums that it had", {
    timeout: 200_000,
  }, async () => {
    await using mongo = await startMongoServer();
    await using world = await CopiedWorld.start();
    const from = `sqlite:${world.node.dataDirectory}`;
    const url = mongo.urlOf(`parley-test-copy-${randomUUID().slice(0, 8)}`);
    const early = await run(["store", "copy", from, url, "--allow-unsafe"]);
    expect(early).toMatchObject({ status: 1, stderr: expect.stringContaining("is running on this store") });
    const before = await world.listed();
    await world.node.kill("SIGTERM");

    const there = await copy(from, url);
    const filled = there.filter(({ rows }) => rows > 0).map(({ collection }) => collection);
    // A store that was never restored has no heads of epochs; every other collection was used.
    expect(there.map(({ collection }) => collection).filter((name) => !filled.includes(name))).toEqual([
      "epoch_head",
    ]);
    expect(await copy(url, `sqlite:${join(world.directory, "back")}`)).toEqual(there);

    const settings = ["--store-allow-unsafe", "true", "--coordinator-url", from];
    await world.startOther(join(world.directory, "unused"), ["--store-url", url, ...settings]);
    expect(await world.listed()).toEqual(before);
    await world.say(world.groupId, "after the copy");
    await loginUser(world.node.publicUrl, "user2");
    expect(world.device.tally.rewound).toBe(0);

    // As after a mongorestore; here nothing was undone, so no device drops anything.
    await world.node.kill("SIGTERM");
    const environment = { PARLEY_STORE_ALLOW_UNSAFE: "true", PARLEY_COORDINATOR_URL: from };
    const answer = await run(["store", "raise-epoch", "--json", "--store-url", url], environment);
    expect(answer).toMatchObject({ status: 0 });
    const { before: old, epoch } = raised.parse(JSON.parse(answer.stdout));
    expect([old, Number(epoch) > 1]).toEqual(["1", true]);
    await world.node.restart();
    expect(sumOf(await readMetrics(world.node.adminUrl), "parley_store_epoch")).toBe(Number(epoch));
    await world.say(world.groupId, "in the next epoch");
    expect(world.device.tally.rewound).toBe(0);
  });
});
