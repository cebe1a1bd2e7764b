import { expect, test } from "vitest";
import { runParley, startParleyCommand, temporaryDirectory } from "../command/parley-command.ts";
import { directConversation, login, sendText } from "../json-client.ts";
import { startCluster } from "./node-cluster.ts";

test("a tail goes where a draining node sends it, and misses nothing", { timeout: 120_000 }, async () => {
  await using cluster = await startCluster(2, { flags: [] });
  using home = temporaryDirectory();
  const [first = "", second = ""] = cluster.servers;
  const environment = { PARLEY_CREDENTIALS: `${home.path}/credentials.json`, PARLEY_SERVER: first };
  const password = { PARLEY_PASSWORD: "parley-demo" };
  await runParley(["login", "bob"], { environment: { ...environment, ...password } });
  const [alice, bob] = [
    await login(second, "alice", "parley-demo"),
    await login(second, "bob", "parley-demo"),
  ];
  const conversationId = directConversation(alice.accountId, bob.accountId);
  await using tail = startParleyCommand(["tail", "--as", "bob"], { environment });
  await sendText(alice, conversationId, "before the drain");
  await tail.line(/before the drain/);
  const admin = cluster.nodes[0]?.process.adminUrl ?? "";
  expect((await runParley(["drain", "node-1", "--admin", admin], { environment })).status).toBe(0);
  await tail.notice(new RegExp(`going on at ${second}`));
  await sendText(alice, conversationId, "after the drain");
  await tail.line(/after the drain/);
});
