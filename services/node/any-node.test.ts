import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { AdminService } from "../../gen/parley/admin/v1/admin_service_pb.ts";
import { SessionService } from "../../gen/parley/session/v1/session_service_pb.ts";
import { parseConfig } from "../kernel/config-parse.ts";
import { silentLogger } from "../kernel/logger.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { systemRng } from "../kernel/system-rng.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { nodeConfigTable } from "./config.ts";
import { demoPassword, makeDemoUsers } from "./demo-users.ts";
import { createNode, type ParleyNode } from "./parley-node.ts";

let directory: string;
let problems: unknown[];
let nodes: ParleyNode[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "parley-any-node-"));
  problems = [];
  nodes = [];
  // One after the other, since both would make the demo users.
  for (const nodeId of ["one", "other"]) nodes.push(await startNode(nodeId));
});

afterEach(async () => {
  const late = await Promise.all(nodes.map((node) => node.stop()));
  rmSync(directory, { recursive: true, force: true });
  problems.push(...late.flat());
  if (problems.length > 0) throw new AggregateError(problems, "the nodes met problems");
});

async function startNode(nodeId: string): Promise<ParleyNode> {
  const parsed = parseConfig(nodeConfigTable, {
    flags: {
      storeUrl: `sqlite:${directory}`,
      nodeId,
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

test("what operators may ask is asked at the admin listener, and not where clients are served", async () => {
  const [one] = nodes;
  const at = (baseUrl: string) =>
    createClient(AdminService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
  const listed = await waitUntil("both nodes are listed", async () => {
    const answer = await at(one?.addresses.admin ?? "").listNodes({});
    return answer.nodes.length === 2 ? answer.nodes : undefined;
  });
  expect(listed.map(({ nodeId }) => nodeId)).toEqual(["one", "other"]);
  const refused = await at(one?.addresses.public ?? "")
    .listNodes({})
    .catch((error: unknown) => error);
  expect(ConnectError.from(refused).code).toBe(Code.Unimplemented);
});

test("a session that was opened at one node is polled and submitted to at another one", async () => {
  const [one, other] = nodes;
  const urls = [one?.addresses.public ?? "", other?.addresses.public ?? ""];
  const open = createClient(
    AccountService,
    createConnectTransport({ baseUrl: urls[0] ?? "", httpVersion: "1.1" }),
  );
  const { account, tokens } = await open.login({ handle: "alice", password: { text: demoPassword } });
  const bob = await createClient(
    AccountService,
    createConnectTransport({ baseUrl: urls[1] ?? "", httpVersion: "1.1" }),
  ).login({ handle: "bob", password: { text: demoPassword } });
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${tokens?.accessToken ?? ""}`);
    return next(request);
  };
  const [atOne, atOther] = urls.map((baseUrl) =>
    createClient(
      SessionService,
      createConnectTransport({ baseUrl, httpVersion: "1.1", interceptors: [authorize] }),
    ),
  );
  if (atOne === undefined || atOther === undefined) throw new Error("two nodes were started");

  const opened = await atOne.poll({ session: { case: "open", value: {} }, wait: { seconds: 0n } });
  const control = opened.frames[0]?.control;
  if (control?.case !== "opened") throw new Error("the first frame is opened");
  const { sessionId } = control.value;
  expect(sessionId).toMatch(/^one\./);
  const ids = [account?.accountId ?? "", bob.account?.accountId ?? ""].toSorted((x, y) => (x < y ? -1 : 1));
  const conversationId = `d-${ids.join("-")}`;
  const clientMessageId = systemRng().uuid();
  const content = { kind: { case: "text", value: { text: "by way of the other node" } } } as const;
  const send = { conversationId, clientMessageId, content };
  // The other node may list the first one a moment later.
  const { results } = await waitUntil("the other node passes the frames on", async () =>
    atOther.submit({ sessionId, frames: [{ kind: { case: "send", value: send } }] }).catch(() => undefined),
  );
  expect(results[0]?.outcome.case).toBe("committed");
  const events = await waitUntil("the entry comes by a Poll at the other node", async () => {
    const session = { case: "sessionId", value: sessionId } as const;
    const { frames } = await atOther.poll({ session, ack: 0n, wait: { seconds: 1n } });
    const found = frames.flatMap((frame) => frame.events);
    return found.length > 0 ? found : undefined;
  });
  expect(events[0]?.kind.value).toMatchObject({ clientMessageId });
});
