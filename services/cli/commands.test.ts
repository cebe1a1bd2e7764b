import { randomUUID } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromJsonString } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { ExplainEntryResponseSchema } from "../../gen/parley/admin/v1/admin_service_pb.ts";
import { EntryAccess, StepKind } from "../../gen/parley/admin/v1/explanation_pb.ts";
import { exitCodes as exit } from "./exit-codes.ts";
import {
  type CommandNode,
  type FinishedCommand,
  runCommand,
  startCommandNode,
} from "./fixtures/test-command.ts";

let node: CommandNode;

beforeAll(async () => {
  node = await startCommandNode();
  for (const handle of ["alice", "bob"]) await login(handle);
});

afterAll(() => node[Symbol.asyncDispose]());

function credentialsFile(): string {
  return join(node.directory, "logins", "credentials.json");
}

/** Runs a command as a person at this node would. */
function parley(
  argv: readonly string[],
  more: Record<string, string> = {},
  input?: string,
): Promise<FinishedCommand> {
  return runCommand(argv, {
    environment: { PARLEY_CREDENTIALS: credentialsFile(), PARLEY_SERVER: node.url, ...more },
    ...(input !== undefined && { input }),
  });
}

function login(handle: string, ...flags: string[]): Promise<FinishedCommand> {
  return parley(["login", handle, ...flags], { PARLEY_PASSWORD: "parley-demo" });
}

/** Runs a command that must succeed, and answers its lines as JSON. */
async function json(...argv: string[]): Promise<unknown[]> {
  const { status, stdout, stderr } = await parley([...argv, "--json"]);
  expect([status, stderr]).toEqual([exit.ok, ""]);
  return stdout === "" ? [] : stdout.split("\n").map((line): unknown => JSON.parse(line));
}

describe("explain", () => {
  /** The text of a running node's listener for operators, as the option has it. */
  const admin = (): string[] => ["--admin", node.node.addresses.admin];

  test("takes names and ids, and with --json prints what the contract has", async () => {
    const [sent] = await json("send", "--as", "alice", "bob", "explained");
    const { conversationId, seq } = z.object({ conversationId: z.string(), seq: z.string() }).parse(sent);
    const answers = [];
    for (const [conversation, user] of [
      ["alice", "bob"],
      [conversationId, "@bob"],
    ] as const) {
      const { status, stdout } = await parley(["explain", conversation, seq, user, "--json", ...admin()]);
      expect(status).toBe(exit.ok);
      answers.push(fromJsonString(ExplainEntryResponseSchema, stdout));
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ access: EntryAccess.VISIBLE, entry: { conversationId } });
    const [trace] = answers[0]?.nodes ?? [];
    expect(trace?.steps.map(({ kind }) => kind)).toEqual([StepKind.ACCEPTED, StepKind.COMMITTED]);
    const forPeople = await parley(["explain", "alice", seq, "bob", ...admin()]);
    expect(forPeople.stdout).toContain(`#${seq}`);
    // The message itself is nobody's business.
    expect(forPeople.stdout).not.toContain("explained");
  });

  test.each([
    [["alice", "0", "bob"], exit.usage, /<seq> .* it is 0/],
    [["alice", "one", "bob"], exit.usage, /<seq> .* it is one/],
    [["alice", "1", "zoe"], exit.failed, /ACCOUNT_NOT_FOUND: handle zoe/],
    [["zoe", "1", "bob"], exit.failed, /ACCOUNT_NOT_FOUND: handle zoe/],
    [["alice", "999", "bob"], exit.failed, /POSITION_ABOVE_HEAD: seq 999, head \d+/],
    [[`g-${"0".repeat(32)}`, "1", "bob"], exit.failed, /CONVERSATION_NOT_FOUND: conversation_id g-0+/],
  ])("of %j says what is wrong with it", async (argv, status, problem) => {
    const refused = await parley(["explain", ...argv, ...admin()]);
    expect([refused.status, refused.stderr]).toEqual([status, expect.stringMatching(problem)]);
  });
});

describe("login and token", () => {
  test("keep the tokens in a file that only its owner can read, below a directory of the same kind", () => {
    expect(statSync(credentialsFile()).mode & 0o777).toBe(0o600);
    expect(statSync(join(node.directory, "logins")).mode & 0o777).toBe(0o700);
  });

  test("a device that the server does not know any more logs in as a new one", async () => {
    const logins = join(node.directory, "earlier.json");
    const person = { PARLEY_PASSWORD: "parley-demo", PARLEY_CREDENTIALS: logins };
    await parley(["login", "bob"], person);
    const kept = readFileSync(logins, "utf8");
    const { deviceId } = z
      .object({ deviceId: z.string() })
      .parse(JSON.parse((await parley(["login", "bob", "--json"], person)).stdout));
    writeFileSync(logins, kept.replaceAll(deviceId, "no-such-device"));
    expect(await parley(["login", "bob"], person)).toMatchObject({ status: exit.ok });
    expect(readFileSync(logins, "utf8")).not.toContain("no-such-device");
  });

  test("a second login keeps the device, and --json says which", async () => {
    const schema = z.object({ handle: z.literal("bob"), accountId: z.string(), deviceId: z.string() });
    const password = { PARLEY_PASSWORD: "parley-demo" };
    const first = schema.parse(JSON.parse((await parley(["login", "bob", "--json"], password)).stdout));
    const second = schema.parse(JSON.parse((await parley(["login", "bob", "--json"], password)).stdout));
    expect(second.deviceId).toBe(first.deviceId);
  });

  test("the password may come on standard input", async () => {
    const { status } = await parley(["login", "alice"], {}, "parley-demo\n");
    expect(status).toBe(exit.ok);
  });

  test("a wrong password ends with 4 and the reason, no password with 2", async () => {
    const wrong = await parley(["login", "alice"], { PARLEY_PASSWORD: "not this one" });
    expect(wrong.status).toBe(exit.notLoggedIn);
    expect(wrong.stderr).toContain("CREDENTIALS_WRONG");
    expect((await parley(["login", "alice"], {}, "")).status).toBe(exit.usage);
  });

  test("the token that is printed opens the node to other tools", async () => {
    const { stdout } = await parley(["token", "--as", "alice"]);
    const response = await fetch(`${node.url}/parley.account.v1.AccountService/GetAccount`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${stdout}` },
      body: "{}",
    });
    expect(await response.json()).toMatchObject({ account: { handle: "alice" } });
  });

  test("somebody who is not logged in is told how to, with 4", async () => {
    const { status, stderr } = await parley(["token", "--as", "carol"]);
    expect(status).toBe(exit.notLoggedIn);
    expect(stderr).toContain("npx parley login carol");
  });
});

describe("send, history and conversations", () => {
  test("what is sent is in the history of both, for people and as JSON", async () => {
    const [sent] = await json("send", "--as", "alice", "bob", "Hello, Bob");
    const { conversationId, seq } = z.object({ conversationId: z.string(), seq: z.string() }).parse(sent);
    expect(await json("history", "--as", "bob", "alice")).toContainEqual(
      expect.objectContaining({ conversationId, seq, message: { text: { text: "Hello, Bob" } } }),
    );
    const { stdout } = await parley(["history", "--as", "bob", conversationId, "--limit", "100"]);
    expect(stdout).toMatch(
      new RegExp(`^\\d\\d:\\d\\d:\\d\\d  ${conversationId}#${seq}  alice: Hello, Bob$`, "m"),
    );
  });

  test("repeated with its id a message is sent once", async () => {
    const id = randomUUID();
    const first = await json("send", "--as", "alice", "bob", "only once", "--id", id);
    expect(await json("send", "--as", "alice", "bob", "only once", "--id", id)).toEqual(first);
    const other = await parley(["send", "--as", "alice", "bob", "something else", "--id", id]);
    expect(other.status).toBe(exit.failed);
    expect(other.stderr).toContain("CLIENT_MESSAGE_ID_CONFLICT");
  });

  test("a text may come on standard input, and may be a reply", async () => {
    const sent = await parley(["send", "--as", "bob", "alice", "-", "--reply-to", "1"], {}, "two\nlines\n");
    expect(sent.status).toBe(exit.ok);
    const [newest] = await json("history", "--as", "alice", "bob", "--limit", "1");
    expect(newest).toMatchObject({ message: { text: { text: "two\nlines" }, replyToSeq: "1" } });
  });

  test("conversations are listed with what is unread", async () => {
    await json("send", "--as", "alice", "bob", "unread");
    const [conversation] = await json("conversations", "--as", "bob");
    expect(conversation).toMatchObject({
      conversationId: expect.stringMatching(/^d-/),
      unreadCount: expect.any(String),
    });
    expect((await parley(["conversations", "--as", "bob"])).stdout).toMatch(/alice {2}#\d+ {2}\d+ unread/);
  });

  test.each([
    { argv: ["send", "bob"], status: exit.usage, says: /text/ },
    { argv: ["send", "--as", "alice", "nobody-here", "x"], status: exit.failed, says: /ACCOUNT_NOT_FOUND/ },
    { argv: ["send", "--as", "alice", "bob", "x".repeat(16_385)], status: exit.failed, says: /16384|16,384/ },
    { argv: ["send", "--as", "alice", "bob", "x", "--reply-to", "soon"], status: exit.usage, says: /soon/ },
    { argv: ["history", "--as", "alice", "bob", "--limit", "many"], status: exit.usage, says: /many/ },
    { argv: ["history", "--as", "alice", "bob", "--limit", "0"], status: exit.usage, says: /0/ },
    { argv: ["sned", "bob", "x"], status: exit.usage, says: /send/ },
    { argv: ["send", "--as", "alice", "bob", "x", "--loud"], status: exit.usage, says: /--loud/ },
  ])(
    "$argv.0 with arguments that are wrong ends with $status and says what",
    async ({ argv, status, says }) => {
      const ended = await parley(argv);
      expect(ended.stderr).toMatch(says);
      expect(ended.stderr).not.toMatch(/\n\s+at /);
      expect(ended.status).toBe(status);
    },
  );

  test("a node that is not there ends with 3 and says where it was looked for", async () => {
    const { status, stderr } = await parley(["login", "alice"], {
      PARLEY_SERVER: "http://127.0.0.1:1",
      PARLEY_PASSWORD: "parley-demo",
    });
    expect(status).toBe(exit.unavailable);
    expect(stderr).toContain("http://127.0.0.1:1");
  });
});

describe("group", () => {
  test("create, add, remove and leave change who is a member", async () => {
    const [made] = await json("group", "create", "--as", "alice", "Friends", "bob");
    const { conversationId } = z.object({ conversationId: z.string() }).parse(made);
    await json("send", "--as", "bob", conversationId, "Hello, all");
    await json("group", "remove", "--as", "alice", conversationId, "bob");
    await json("group", "add", "--as", "alice", conversationId, "bob");
    const refused = await parley(["group", "add", "--as", "bob", conversationId, "alice"]);
    expect([refused.status, refused.stderr]).toEqual([exit.failed, expect.stringContaining("ROLE_REQUIRED")]);
    await json("group", "leave", "--as", "alice", conversationId);
    const { stdout } = await parley(["history", "--as", "bob", conversationId]);
    expect(stdout).toContain('* alice created the group "Friends"');
    expect(stdout).toContain("* alice left");
  });
});

describe("user and keys, beside a node that runs", () => {
  test("user add makes an account that can log in, and says when it was there already", async () => {
    const add = (handle: string) =>
      parley(["user", "add", handle, "--name", "Carol", "--data", node.data], {
        PARLEY_PASSWORD: "parley-demo",
      });
    expect((await add("carol")).stdout).toMatch(/carol was made: account \w+/);
    expect((await add("carol")).stdout).toMatch(/carol was there already/);
    expect((await login("carol")).status).toBe(exit.ok);
  });

  test("user import makes the accounts of a file, names the lines that it cannot use, and may be repeated", async () => {
    const file = join(node.directory, "people.jsonl");
    const people = ["dave", "erin"].map((handle) => JSON.stringify({ handle, password: "parley-demo" }));
    writeFileSync(file, [...people, '{"handle":"X"}', "no json", ""].join("\n"));
    const bring = () => parley(["user", "import", file, "--data", node.data, "--json"]);
    const first = await bring();
    expect(JSON.parse(first.stdout)).toEqual({ created: 2, skipped: 0, failed: 2 });
    expect(first.stderr).toContain(`${file}:3:`);
    expect(first.stderr).toContain(`${file}:4:`);
    expect(first.status).toBe(exit.failed);
    expect(JSON.parse((await bring()).stdout)).toEqual({ created: 0, skipped: 2, failed: 2 });
    expect((await login("dave")).status).toBe(exit.ok);
  });

  test("user import of a file that is not there says so", async () => {
    const { status, stderr } = await parley(["user", "import", "/nowhere/people.jsonl", "--data", node.data]);
    expect(status).toBe(exit.failed);
    expect(stderr).toContain("/nowhere/people.jsonl");
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test("keys rotate makes a new key and logs nobody out", async () => {
    const [rotated] = await json("keys", "rotate", "--data", node.data);
    expect(rotated).toMatchObject({ keyId: expect.any(String) });
    await json("send", "--as", "alice", "bob", "still logged in");
  });
});

describe("config", () => {
  test("check prints every value with its source", async () => {
    const { stdout } = await parley(["config", "check", "--public-port", "8080"], {
      PARLEY_LOG_LEVEL: "debug",
    });
    expect(stdout).toMatch(/^public\.port = 8080 {2}\(flag/m);
    expect(stdout).toMatch(/^log\.level = "debug" {2}\(environment\)$/m);
    expect(stdout).toMatch(/^admin\.port = 7082 {2}\(default\)$/m);
    const [settings] = await json("config", "check", "--dev");
    expect(settings).toContainEqual(expect.objectContaining({ key: "registration.open", value: "true" }));
  });

  test("check reads a config file, and names what is wrong in it with its limit", async () => {
    const file = join(node.directory, "parley.json");
    writeFileSync(file, JSON.stringify({ "drain.deadlineMs": 5, "public.prot": 1 }));
    const { status, stderr } = await parley(["config", "check", "--config", file]);
    expect(status).toBe(exit.usage);
    expect(stderr).toMatch(/drain\.deadlineMs.*100/);
    expect(stderr).toMatch(/public\.prot.*public\.port/);
    const missing = await parley(["config", "check", "--config", "/nowhere/parley.json"]);
    expect([missing.status, missing.stderr]).toEqual([
      exit.usage,
      expect.stringContaining("/nowhere/parley.json"),
    ]);
  });

  test("doc names every setting that check prints", async () => {
    const { stdout } = await parley(["config", "doc"]);
    const [settings] = await json("config", "check");
    const keys = z
      .array(z.object({ key: z.string() }))
      .parse(settings)
      .map(({ key }) => key);
    expect(keys.length).toBeGreaterThan(20);
    expect(keys.filter((key) => !stdout.includes(key))).toEqual([]);
  });

  test("serve refuses what only tests may have", async () => {
    const { status, stderr } = await parley([
      "serve",
      "--password-memory-kib",
      "64",
      "--store-url",
      `sqlite:${node.directory}/never`,
    ]);
    expect(status).toBe(exit.usage);
    expect(stderr).toMatch(/64/);
    expect(stderr).toMatch(/19456|19,456/);
  });
});
