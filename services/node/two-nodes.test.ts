import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { MessageService } from "../../gen/parley/message/v1/message_service_pb.ts";
import { SessionService } from "../../gen/parley/session/v1/session_service_pb.ts";
import { parseConfig } from "../kernel/config-parse.ts";
import { silentLogger } from "../kernel/logger.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { systemRng } from "../kernel/system-rng.ts";
import { nodeConfigTable } from "./config.ts";
import { demoPassword, makeDemoUsers } from "./demo-users.ts";
import { createNode, type ParleyNode } from "./parley-node.ts";

let directory: string;
let problems: unknown[];
let one: ParleyNode;
let other: ParleyNode;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "parley-two-nodes-"));
  problems = [];
  [one, other] = await Promise.all([startNode("one"), startNode("other")]);
});

afterEach(async () => {
  const late = await Promise.all([one.stop(), other.stop()]);
  rmSync(directory, { recursive: true, force: true });
  problems.push(...late.flat());
  if (problems.length > 0) throw new AggregateError(problems, "the nodes met problems");
});

async function startNode(name: string): Promise<ParleyNode> {
  const parsed = parseConfig(nodeConfigTable, {
    flags: {
      storeUrl: `sqlite:${join(directory, name)}`,
      publicPort: "0",
      adminPort: "0",
      meshPort: "0",
      passwordMemoryKib: "64",
      rateAddressFactor: "1000",
    },
    environment: {},
    dev: true,
    readSecretFile: (path) => `no secret file ${path}`,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const node = await createNode({
    config: parsed.config.values,
    clock: systemClock(),
    rng: systemRng(),
    logger: silentLogger,
    onBug: (error) => problems.push(error),
    onNonConformity: (violation) => problems.push(violation),
  });
  await makeDemoUsers(node.accounts.deps);
  return node;
}

/** Somebody who is logged in at a node. */
interface Person {
  readonly accountId: string;
  readonly token: string;
  readonly messages: Client<typeof MessageService>;
  readonly sessions: Client<typeof SessionService>;
}

async function logIn(node: ParleyNode, handle: string): Promise<Person> {
  const baseUrl = node.addresses.public;
  const open = createClient(AccountService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
  const { account, tokens } = await open.login({ handle, password: { text: demoPassword } });
  const token = tokens?.accessToken ?? "";
  return personWith(node, account?.accountId ?? "", token);
}

function personWith(node: ParleyNode, accountId: string, token: string): Person {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const transport = createConnectTransport({
    baseUrl: node.addresses.public,
    httpVersion: "1.1",
    interceptors: [authorize],
  });
  return {
    accountId,
    token,
    messages: createClient(MessageService, transport),
    sessions: createClient(SessionService, transport),
  };
}

/** Sends from one to the other while that one receives, and answers the texts that arrived. */
async function talk(from: Person, to: Person, text: string): Promise<string[]> {
  const conversationId = `d-${[from.accountId, to.accountId].toSorted().join("-")}`;
  const abort = new AbortController();
  const frames = to.sessions.receive({ open: {} }, { signal: abort.signal });
  const texts: string[] = [];
  for await (const { frame } of frames) {
    if (frame?.control.case === "caughtUp") {
      await from.messages.sendMessage({
        conversationId,
        clientMessageId: systemRng().uuid(),
        content: { kind: { case: "text", value: { text } } },
      });
    }
    for (const { kind } of frame?.events ?? []) {
      const content =
        kind.case === "entry" && kind.value.body.case === "message" ? kind.value.body.value : undefined;
      if (content?.kind.case === "text") texts.push(content.kind.value.text);
    }
    if (texts.length > 0) break;
  }
  abort.abort();
  return texts;
}

test("two nodes in one process serve their own users, and each delivers only its own messages", async () => {
  const [alice, bob] = await Promise.all([logIn(one, "alice"), logIn(one, "bob")]);
  const [otherAlice, otherBob] = await Promise.all([logIn(other, "alice"), logIn(other, "bob")]);
  expect(await Promise.all([talk(alice, bob, "at one"), talk(otherAlice, otherBob, "at the other")])).toEqual(
    [["at one"], ["at the other"]],
  );
  const conversationId = `d-${[alice.accountId, bob.accountId].toSorted().join("-")}`;
  const { entries } = await alice.messages.listEntries({ conversationId });
  expect(entries.map(({ seq }) => seq)).toEqual([1n]);
});

test("a token of one node is worth nothing at another", async () => {
  const alice = await logIn(one, "alice");
  const abroad = personWith(other, alice.accountId, alice.token);
  await expect(abroad.messages.listEntries({ conversationId: "d-1-2" })).rejects.toThrow(/token/i);
});

test("one node stops without the other one noticing", async () => {
  expect(await one.stop()).toEqual([]);
  const [alice, bob] = await Promise.all([logIn(other, "alice"), logIn(other, "bob")]);
  expect(await talk(alice, bob, "still here")).toEqual(["still here"]);
  const metrics = await fetch(`${other.addresses.admin}/metrics`);
  expect(await metrics.text()).toContain("parley_rpc_calls_total");
});
