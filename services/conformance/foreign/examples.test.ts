import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { waitUntil } from "../../testkit/wait-until.ts";
import { type ClusterNode, type NodeCluster, ownersOf, startCluster } from "../cluster/node-cluster.ts";
import { repository, type TemporaryDirectory, temporaryDirectory } from "../command/parley-command.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { directConversation, JsonError, jsonClient, type Person, register } from "../json-client.ts";
import { copyStore } from "../restore/store-copy.ts";
import { suiteNeeds } from "../tools.ts";
import { type Example, ExampleClient, examples, type PrintedEntry } from "./example-client.ts";

/** How long a send may need while a node is away, in milliseconds. */
const sendMsMax = 20_000;
const timeout = 60_000;

/** How many pairs are made in search of one whose conversation is where it should be. */
const pairsMax = 30;

let cluster: NodeCluster;
let home: TemporaryDirectory;

beforeAll(async () => {
  home = temporaryDirectory();
  cluster = await startCluster(2, { flags: loadFlags });
}, timeout);

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

function nodeAt(index: number): ClusterNode {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`no node ${index}`);
  return node;
}

/** Sends through one node, again under the same id while that node cannot tell or cannot do it. */
async function send(from: Person, conversationId: string, text: string): Promise<void> {
  const message = { conversationId, clientMessageId: randomUUID(), content: { text: { text } } };
  let retry = false;
  const attempt = async (): Promise<boolean> => {
    try {
      await from.client.call("parley.message.v1.MessageService/SendMessage", { ...message, retry });
      return true;
    } catch (error) {
      if (!(error instanceof JsonError) || error.code !== "UNAVAILABLE") throw error;
      retry = true;
      return false;
    }
  };
  await waitUntil(`"${text}" is sent`, attempt, { timeoutMs: sendMsMax });
}

const pageSchema = z.object({
  entries: z
    .array(
      z.object({
        epoch: z.coerce.number(),
        seq: z.coerce.number(),
        senderId: z.string(),
        message: z.object({ text: z.object({ text: z.string() }) }),
      }),
    )
    .default([]),
  hasMore: z.boolean().default(false),
  nextSeq: z.string().default("0"),
});

/** The whole log, as a member lists it. */
async function listed(by: Person, conversationId: string): Promise<PrintedEntry[]> {
  const entries: PrintedEntry[] = [];
  for (let seq = "0", hasMore = true; hasMore; ) {
    const request = { conversationId, seq, pageSize: 500 };
    const page = pageSchema.parse(
      await by.client.call("parley.message.v1.MessageService/ListEntries", request),
    );
    for (const { message, ...entry } of page.entries) entries.push({ ...entry, text: message.text.text });
    ({ nextSeq: seq, hasMore } = page);
  }
  return entries;
}

async function waitForHead(client: ExampleClient, by: Person, conversationId: string): Promise<void> {
  const last = (await listed(by, conversationId)).at(-1);
  await client.received(last?.text ?? "");
}

/** `count` texts that nobody else sends. */
function texts(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix} ${index}`);
}

async function setDrain(node: ClusterNode, verb: "DrainNode" | "UndrainNode"): Promise<void> {
  const admin = jsonClient(node.process.adminUrl);
  await admin.call(`parley.admin.v1.AdminService/${verb}`, { nodeId: node.nodeId });
}

async function stopAll(signal: NodeJS.Signals): Promise<void> {
  await Promise.all(cluster.nodes.map(({ process }) => process.kill(signal)));
}

async function startAll(): Promise<void> {
  await Promise.all(cluster.nodes.map(({ process }) => process.restart()));
  await cluster.linked();
}

/** A person for the example, one who writes to it through the second node, and where the example keeps its device. */
async function makePair(example: Example, topic: string) {
  const [first = "", second = ""] = cluster.servers;
  const own = await register(first, `${topic}-${example.name}`);
  const friend = await register(second, `${topic}-friend-${example.name}`);
  const conversationId = directConversation(own.accountId, friend.accountId);
  const state = join(home.path, `${topic}-${example.name}.db`);
  const options = { handle: own.handle, peer: friend.handle, servers: [first, second], state };
  return { own, friend, conversationId, options, start: () => new ExampleClient(example, options) };
}

/** A pair whose conversation belongs to the first node, so that it is the one that commits. */
async function makeOwnedPair(example: Example, topic: string) {
  for (let tries = 0; tries < pairsMax; tries += 1) {
    const pair = await makePair(example, `${topic}${tries}`);
    const [owner] = await ownersOf(nodeAt(0), pair.conversationId);
    if (owner === nodeAt(0).nodeId) return pair;
  }
  throw new Error(`none of ${pairsMax} conversations belongs to the first node`);
}

describe.each(examples)("examples/$name", (example) => {
  suiteNeeds([example.needs])("as a client of two nodes", () => {
    test("its node is killed in a burst, and on the other one it gets what it missed, each entry once and in order", {
      timeout,
    }, async () => {
      const [first, second] = cluster.servers;
      const { own, friend, conversationId, start } = await makeOwnedPair(example, "kill");
      await using client = start();
      expect(await client.printed("opened")).toMatchObject({ server: first, generation: 1 });
      await client.printed("caught_up");
      await send(friend, conversationId, "hello");
      await client.received("hello");

      const burst = texts("burst", 40);
      client.say(...burst.slice(0, 5));
      await client.printed("sent", 5);
      // Between a commit and its answer: the device cannot know that what it sent is in the log.
      const dead = nodeAt(0).dieAfterCommit("direct");
      client.say(...burst.slice(5));
      await dead;
      client.signal("SIGSTOP");
      for (const text of texts("missed", 20)) await send(friend, conversationId, text);
      client.signal("SIGCONT");

      expect(await client.printed("opened", 2)).toMatchObject({ server: second, generation: 2 });
      await client.printed("sent", burst.length);
      await send(friend, conversationId, "and live again");
      await waitForHead(client, friend, conversationId);
      const log = await listed(friend, conversationId);
      expect(client.entries()).toEqual(log);
      expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
      expect(log.filter(({ senderId }) => senderId === own.accountId).map(({ text }) => text)).toEqual(burst);
      expect(client.lines("rejected")).toEqual([]);
      await nodeAt(0).process.restart();
      await cluster.linked();
    });

    test("killed and started again it goes on where it stopped, and it goes where a node that drains sends it", {
      timeout,
    }, async () => {
      const { own, friend, conversationId, start } = await makePair(example, "restart");
      const before = start();
      await using _ = before;
      await before.printed("caught_up");
      before.say("a first word");
      await before.printed("sent");
      await before.received("a first word");
      before.signal("SIGKILL");
      expect(await before.ended).toBe("SIGKILL");
      for (const text of texts("missed", 3)) await send(friend, conversationId, text);

      await using after = start();
      expect(await after.printed("opened")).toMatchObject({ generation: 2 });
      await waitForHead(after, friend, conversationId);
      await setDrain(nodeAt(0), "DrainNode");
      expect(await after.printed("moving")).toMatchObject({ address: cluster.servers[1] });
      expect(await after.printed("opened", 2)).toMatchObject({ server: cluster.servers[1], generation: 3 });
      await send(friend, conversationId, "after the move");
      await after.received("after the move");
      await setDrain(nodeAt(0), "UndrainNode");

      expect([...before.entries(), ...after.entries()]).toEqual(await listed(friend, conversationId));
      const { devices } = z
        .object({ devices: z.array(z.object({ displayName: z.string().default("") })) })
        .parse(await own.client.call("parley.account.v1.AccountService/ListDevices", {}));
      expect(devices.filter(({ displayName }) => displayName !== "")).toHaveLength(1);
      after.signal("SIGTERM");
      expect(await after.ended).toBe(0);
      expect(after.notices).toBe("");
    });

    test("a new device that is behind lists what is too much to be pushed, and follows from there", {
      timeout,
    }, async () => {
      const { friend, conversationId, start } = await makePair(example, "behind");
      await Promise.all(texts("old", 510).map((text) => send(friend, conversationId, text)));
      await using client = start();
      await client.printed("caught_up");
      await send(friend, conversationId, "new");
      await client.received("new");
      expect(client.entries()).toEqual(await listed(friend, conversationId));
    });

    test("what a restored backup undid is dropped, and what came instead is stored", {
      timeout,
    }, async () => {
      const { friend, conversationId, start } = await makePair(example, "rewound");
      await send(friend, conversationId, "kept");
      await using client = start();
      await client.received("kept");
      await stopAll("SIGTERM");
      using copy = copyStore(nodeAt(0).process.dataDirectory);
      await startAll();
      await send(friend, conversationId, "undone");
      await client.received("undone");
      await stopAll("SIGKILL");
      copy.putBack();
      await startAll();

      expect(await client.printed("rewound")).toMatchObject({ seq: 1 });
      await send(friend, conversationId, "instead");
      await client.received("instead");
      const log = await listed(friend, conversationId);
      expect(log.map(({ text }) => text)).toEqual(["kept", "instead"]);
      expect(client.entries().filter(({ text }) => text !== "undone")).toEqual(log);
    });

    test("it refreshes its token and renews its stream", async () => {
      const { options } = await makePair(example, "renew");
      // Longer than a token lives: every one that it has is due.
      await using client = new ExampleClient(example, { ...options, more: ["--renew-before", "3600"] });
      await client.printed("opened");
      expect(await client.printed("renewed")).toEqual({ event: "renewed" });
    });

    test("it says why it stops when the password is wrong", async () => {
      const { options } = await makePair(example, "wrong");
      await using client = new ExampleClient(example, { ...options, secret: "not the password" });
      expect((await client.printed("stopped")).why).toContain("CREDENTIALS_WRONG");
      expect(await client.ended).toBe(1);
    });
  });
});

suiteNeeds(["go"])("examples/go", () => {
  test("is formatted as Go formats", () => {
    const folder = join(repository, "examples/go");
    expect(execFileSync("gofmt", ["-l", "."], { cwd: folder, encoding: "utf8" })).toBe("");
  });
});
