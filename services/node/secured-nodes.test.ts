import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { credentials, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AdminService } from "../../gen/parley/admin/v1/admin_service_pb.ts";
import { systemRng } from "../kernel/system-rng.ts";
import { callWithToken } from "../mesh/fixtures/call-with-token.ts";
import { ClusterCertificates, validFor } from "../mesh/fixtures/cluster-certificates.ts";
import type { MutualTlsMaterial } from "../rpc/mutual-tls.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { directOf, logIn, startTestNode } from "./fixtures/test-node.ts";
import type { ParleyNode } from "./parley-node.ts";

let directory: string;
let problems: unknown[];
let nodes: ParleyNode[];
let main: ClusterCertificates;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "parley-secured-"));
  problems = [];
  nodes = [];
  main = await ClusterCertificates.create();
});

afterEach(async () => {
  const late = await Promise.all(nodes.map((node) => node.stop()));
  rmSync(directory, { recursive: true, force: true });
  problems.push(...late.flat());
  if (problems.length > 0) throw new AggregateError(problems, "the nodes met problems");
});

/** Puts files of a node into a directory of its own. */
function put(place: string, material: MutualTlsMaterial): void {
  mkdirSync(join(directory, place), { recursive: true });
  for (const [name, text] of Object.entries(material)) writeFileSync(join(directory, place, name), text);
}

/** Starts a node whose certificates lie in the directory of its name. */
async function start(nodeId: string, flags: Readonly<Record<string, string>> = {}): Promise<ParleyNode> {
  const file = (name: string) => join(directory, nodeId, name);
  const node = await startTestNode(
    {
      storeUrl: `sqlite:${join(directory, "data")}`,
      nodeId,
      clusterName: "main",
      meshCertificateFile: file("cert"),
      meshKeyFile: file("key"),
      meshAuthorityFile: file("authority"),
      ...flags,
    },
    problems,
  );
  nodes.push(node);
  return node;
}

/** Waits until each of the nodes has a link that is up to all others. */
async function linked(count: number): Promise<void> {
  await waitUntil(
    `${count} nodes are linked`,
    async () => {
      const up = await Promise.all(nodes.map((node) => measured(node, "link_up")));
      return up.length === count && up.every((links) => links === count - 1);
    },
    { timeoutMs: 20_000 },
  );
}

async function measured(node: ParleyNode, series: string): Promise<number> {
  const page = await (await fetch(`${node.addresses.admin}/metrics`)).text();
  const line = page.split("\n").find((text) => text.startsWith(`parley_${series} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

test("three nodes speak TLS to one another, and what is sent at one is delivered at another", async () => {
  for (const nodeId of ["n1", "n2", "n3"]) {
    put(nodeId, await main.node(nodeId));
    await start(nodeId);
  }
  await linked(3);
  const [one, , three] = nodes;
  if (one === undefined || three === undefined) throw new Error("three nodes have started");
  const alice = await logIn(one, "alice");
  const bob = await logIn(three, "bob");
  const abort = new AbortController();
  const texts: string[] = [];
  for await (const { frame } of bob.sessions.receive({ open: {} }, { signal: abort.signal })) {
    if (frame?.control.case === "caughtUp") {
      await alice.messages.sendMessage({
        conversationId: directOf(alice, bob),
        clientMessageId: systemRng().uuid(),
        content: { kind: { case: "text", value: { text: "over TLS" } } },
      });
    }
    for (const { kind } of frame?.events ?? [])
      if (kind.case === "entry") texts.push(kind.value.conversationId);
    if (texts.length > 0) break;
  }
  abort.abort();
  expect(texts).toEqual([directOf(alice, bob)]);
  expect(await measured(one, 'certificate_expiry_timestamp_seconds{port="mesh"}')).toBeGreaterThan(
    Date.now() / 1_000,
  );

  // The access token of somebody who is logged in, on the port of nodes.
  const roots = Buffer.from(main.authority.cert);
  const channel = credentials.createSsl(roots, null, null, { checkServerIdentity: () => undefined });
  const refused = await callWithToken(Number(one.addresses.mesh.split(":").at(-1)), channel, alice.token);
  expect(refused.code).toBe(status.UNAVAILABLE);
  await waitUntil(
    "it is counted",
    async () =>
      (await measured(one, 'mesh_peers_refused_total{side="accepted",reason="no_certificate"}')) > 0,
  );
});

test("the certificate of a node is worth nothing where clients are served", async () => {
  put("n1", await main.node("n1"));
  const file = (name: string) => join(directory, "n1", name);
  const node = await start("n1", {
    tlsPort: "0",
    tlsCertificateFile: file("cert"),
    tlsKeyFile: file("key"),
  });
  const { key, cert } = await main.node("n2");
  for (const path of [
    "message.v1.ConversationService/ListConversations",
    "account.v1.AccountService/GetAccount",
  ]) {
    const answer = await post(`${node.addresses.tls}/parley.${path}`, { key, cert });
    expect(answer).toMatchObject({ status: 401, body: expect.stringContaining("unauthenticated") });
  }
});

test("certificates that are replaced are taken without a restart: links stay, and new ones are made with the new ones", async () => {
  const next = await ClusterCertificates.create();
  const both = `${main.authority.cert}${next.authority.cert}`;
  for (const nodeId of ["n1", "n2"]) put(nodeId, await main.node(nodeId));
  const one = await start("n1", {
    tlsPort: "0",
    tlsCertificateFile: join(directory, "n1", "cert"),
    tlsKeyFile: join(directory, "n1", "key"),
  });
  await start("n2");
  await linked(2);
  const epochs = () => Promise.all(nodes.map((node) => measured(node, 'link_epochs_total{cause="opened"}')));
  const before = await epochs();

  // One file after the other, as whoever replaces them would.
  for (const nodeId of ["n1", "n2"]) put(nodeId, { ...(await next.node(nodeId)), authority: both });
  const taken = (port: string) => `certificate_reloads_total{port="${port}",outcome="taken"}`;
  await waitUntil(
    "the nodes have taken them",
    async () => {
      const counts = await Promise.all(nodes.map((node) => measured(node, taken("mesh"))));
      return counts.every((count) => count === 1) && (await measured(one, taken("tls"))) === 1;
    },
    { timeoutMs: 20_000 },
  );
  expect(await epochs()).toEqual(before);
  const shown = await shownAt(one.addresses.tls ?? "");
  expect(shown?.verify(new X509Certificate(next.authority.cert).publicKey)).toBe(true);

  put("n3", await next.node("n3"));
  await start("n3");
  await linked(3);
}, 60_000);

test.each([
  [
    "another node",
    () => main.node("n2"),
    /the certificate is for spiffe:\/\/main\/node\/n2, and this node is/,
  ],
  ["another cluster", () => main.node("n1", { cluster: "other" }), /spiffe:\/\/other\/node\/n1/],
  [
    "another key",
    async () => ({ ...(await main.node("n1")), key: (await main.node("n1")).key }),
    /the key file is not that of the certificate file/,
  ],
] as const)("a node does not start with a certificate of %s, and says why", async (_, material, says) => {
  put("n1", await material());
  await expect(start("n1")).rejects.toMatchObject({ cause: { message: expect.stringMatching(says) } });
});

test("a node with a certificate that has ended starts, serves clients, and has no links", async () => {
  put("n1", await main.node("n1"));
  put("n2", await main.node("n2", { validity: validFor(-2) }));
  const one = await start("n1");
  const two = await start("n2");
  await waitUntil(
    "it was refused",
    async () => (await measured(one, 'mesh_peers_refused_total{side="accepted",reason="expired"}')) > 0,
  );
  expect(await measured(two, 'certificate_expiry_timestamp_seconds{port="mesh"}')).toBeLessThan(
    Date.now() / 1_000,
  );
  const admin = createClient(
    AdminService,
    createConnectTransport({ baseUrl: two.addresses.admin, httpVersion: "1.1" }),
  );
  const listed = await admin.listNodes({});
  expect(listed.nodes.map(({ nodeId }) => nodeId)).toEqual(["n1", "n2"]);
  expect([await measured(one, "link_up"), await measured(two, "link_up")]).toEqual([0, 0]);
});

/** The certificate that a TLS port shows. */
async function shownAt(url: string): Promise<X509Certificate | undefined> {
  const { hostname, port } = new URL(url);
  const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  return certificate;
}

/** Calls a method over TLS with a client's certificate and no token. */
function post(url: string, identity: { readonly key: string; readonly cert: string }) {
  return new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const call = request(
      url,
      { method: "POST", headers, ...identity, rejectUnauthorized: false },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => (body += chunk));
        answer.on("end", () => resolve({ status: answer.statusCode, body }));
      },
    );
    call.on("error", reject);
    call.end("{}");
  });
}
