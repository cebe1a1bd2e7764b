import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import {
  type ConnectionOptions,
  connect as connectTls,
  getCACertificates,
  setDefaultCACertificates,
  type TLSSocket,
} from "node:tls";
import { credentials, status } from "@grpc/grpc-js";
import { beforeAll, expect, test } from "vitest";
import type { Logger } from "../kernel/logger.ts";
import { prometheusMetrics } from "../kernel/prometheus-metrics.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { createMutualTls, type MutualTlsMaterial } from "../rpc/mutual-tls.ts";
import { listenForTcp } from "../rpc/tcp-listener.ts";
import { loggerTo } from "../sqlite/fixtures/recording.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { callWithToken } from "./fixtures/call-with-token.ts";
import { ClusterCertificates, validFor } from "./fixtures/cluster-certificates.ts";
import { introduce, type LinkedNode, openLinkedNode, range, utf8 } from "./fixtures/linked-node.ts";
import { createGrpcTransport, type GrpcTransport } from "./grpc-transport.ts";

/** Looks like an access token. */
const token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";

let main: ClusterCertificates;
let stranger: ClusterCertificates;

beforeAll(async () => {
  // Of the same name, so that nothing but its key tells it from the other.
  [main, stranger] = await Promise.all([ClusterCertificates.create(), ClusterCertificates.create()]);
});

/** A node over sockets, and what its transport said. */
interface SecuredNode extends AsyncDisposable {
  readonly node: LinkedNode;
  readonly transport: GrpcTransport;
  /** `warn accepted n1 spiffe://… reason` */
  readonly log: string[];
  /** How often a connection was refused. */
  refused(side: "accepted" | "dialled", reason: string): Promise<number>;
}

interface SecuredNodeOptions {
  /** Cleartext when undefined. */
  readonly material: MutualTlsMaterial | undefined;
  readonly cluster?: string;
}

async function open(nodeId: string, options: SecuredNodeOptions): Promise<SecuredNode> {
  const { material, cluster = "main" } = options;
  const log: string[] = [];
  const clock = systemClock();
  const metrics = prometheusMetrics();
  const transport = createGrpcTransport({
    host: "127.0.0.1",
    port: 0,
    identity: material && { self: { cluster, nodeId }, material },
    clock,
    logger: loggerInto(log),
    metrics,
  });
  const node = await openLinkedNode(nodeId, { transport, clock });
  return {
    node,
    transport,
    log,
    refused: async (side, reason) => {
      const start = `parley_mesh_peers_refused_total{side="${side}",reason="${reason}"} `;
      const line = (await metrics.render()).split("\n").find((text) => text.startsWith(start));
      return Number(line?.slice(start.length) ?? 0);
    },
    [Symbol.asyncDispose]: () => node.links.stop(),
  };
}

function loggerInto(log: string[]): Logger {
  return loggerTo((level, _message, { side, nodeId, shown, reason }) => {
    log.push([level, side, nodeId, shown, reason].filter((part) => part !== undefined).join(" "));
  });
}

function up(one: SecuredNode, other: SecuredNode): Promise<unknown> {
  return waitUntil(
    "both links are up",
    () => one.node.links.isUp(other.node.record.nodeId) && other.node.links.isUp(one.node.record.nodeId),
  );
}

/** Waits until `one` has refused the other side, and answers the line that says why. */
async function refusal(one: SecuredNode, side: "accepted" | "dialled", reason: string): Promise<string> {
  await waitUntil(`${side} is refused for ${reason}`, async () => (await one.refused(side, reason)) > 0);
  return one.log.find((line) => line.startsWith(`warn ${side}`)) ?? "no line";
}

test("three nodes with certificates of one authority have links, and events and calls flow", async () => {
  await using one = await open("n1", { material: await main.node("n1") });
  await using two = await open("n2", { material: await main.node("n2") });
  await using three = await open("n3", { material: await main.node("n3") });
  introduce(one.node, two.node, three.node);
  await Promise.all([up(one, two), up(two, three), up(one, three)]);
  one.node.sendSeqs("n2", range(1, 5_000));
  three.node.sendSeqs("n2", range(5_001, 5_100));
  await Promise.all([one.node.links.settled("n2"), three.node.links.settled("n2")]);
  expect(two.node.seqs().toSorted((a, b) => a - b)).toEqual(range(1, 5_100));
  expect(await two.node.call("n3", "hello")).toEqual({ kind: "answered", body: utf8("hello") });
  expect([one.log, two.log, three.log]).toEqual([[], [], []]);
});

test("a certificate of the authority for another cluster is refused at both ends", async () => {
  await using one = await open("n1", { material: await main.node("n1") });
  const material = await main.node("n2", { cluster: "other" });
  await using other = await open("n2", { material, cluster: "other" });
  introduce(one.node, other.node);
  const why = "it is node n2 of cluster other, and this is main";
  expect(await refusal(one, "dialled", "other_cluster")).toBe(
    `warn dialled n2 spiffe://other/node/n2 ${why}`,
  );
  await refusal(other, "dialled", "other_cluster");
  await waitUntil("the link says why", () => one.node.links.status()[0]?.reason?.includes(why));
});

test("a node that does not look whom it dials is refused for its cluster all the same", async () => {
  await using one = await open("n1", { material: await main.node("n1") });
  const material = await main.node("n2", { cluster: "other" });
  expect(await dialRaw(one, { ...tlsOptions(material) })).toBe("closed");
  expect(await refusal(one, "accepted", "other_cluster")).toBe(
    "warn accepted spiffe://other/node/n2 it is node n2 of cluster other, and this is main",
  );
});

test("a certificate of another authority with the same names is refused at both ends, also when the system trusts it", async () => {
  const systems = getCACertificates("default");
  using _ = { [Symbol.dispose]: () => setDefaultCACertificates(systems) };
  setDefaultCACertificates([stranger.authority.cert, main.authority.cert]);
  await using one = await open("n1", { material: await main.node("n1") });
  await using other = await open("n2", { material: await stranger.node("n2") });
  introduce(one.node, other.node);
  expect(await refusal(one, "dialled", "untrusted")).toContain("warn dialled n2 spiffe://main/node/n2");
  expect(await refusal(other, "dialled", "untrusted")).toContain("warn dialled n1 spiffe://main/node/n1");
  await dialRaw(one, tlsOptions(await stranger.node("n3")));
  expect(await refusal(one, "accepted", "untrusted")).toContain(
    "warn accepted spiffe://main/node/n3 its certificate is not of the authority",
  );
});

test.each([
  ["expired", -2, /has expired at /],
  ["not_yet_valid", 2, /is not valid before /],
] as const)("a certificate that is %s is refused, whichever side dials", async (reason, hours, says) => {
  await using one = await open("n1", { material: await main.node("n1") });
  const validity = validFor(hours);
  await using other = await open("n2", { material: await main.node("n2", { validity }) });
  introduce(one.node, other.node);
  expect(await refusal(one, "dialled", reason)).toMatch(says);
  await waitUntil("n2 was refused as it dialled", async () => (await one.refused("accepted", reason)) > 0);
  expect(one.log.some((line) => line.startsWith("warn accepted spiffe://main/node/n2"))).toBe(true);
  expect(one.node.links.isUp("n2") || other.node.links.isUp("n1")).toBe(false);
});

test("a node that answers with the certificate of another one is not the node that was dialled", async () => {
  await using one = await open("n1", { material: await main.node("n1") });
  await using other = await open("n2", { material: await main.node("n3") });
  introduce(one.node, other.node);
  expect(await refusal(one, "dialled", "other_node")).toBe(
    "warn dialled n2 spiffe://main/node/n3 node n2 was dialled, and the certificate is that of node n3",
  );
  expect(one.node.links.isUp("n2")).toBe(false);
});

test("a node that greets under another name than its certificate's is refused, and told why", async () => {
  await using one = await open("n1", { material: await main.node("n1") });
  await using other = await open("n2", { material: await main.node("n3") });
  introduce(one.node, other.node);
  const why = "the hello is of node n2, and the certificate of the connection is that of node n3";
  await waitUntil("it is told", () => other.node.links.status()[0]?.reason === why);
  expect(one.node.log).toContain(`warn a link of another node is refused ${why}`);
  expect(await one.node.measured('link_refusals_total{by="self",reason="identity"}')).toBeGreaterThan(0);
  expect(one.node.news).toEqual([]);
});

test("a certificate of the authority that names something else than a node is refused", async () => {
  await using one = await open("n1", { material: await main.node("n1") });
  await dialRaw(one, tlsOptions(await main.node("n2/backup")));
  expect(await refusal(one, "accepted", "no_node")).toBe(
    "warn accepted spiffe://main/node/n2/backup its certificate names no node: spiffe://main/node/n2/backup",
  );
});

test("a user's token opens nothing on the mesh port without a certificate", async () => {
  await using one = await open("n1", { material: await main.node("n1") });
  const roots = Buffer.from(main.authority.cert);
  const outcome = await callWithToken(portOf(one), credentials.createSsl(roots, null, null, anyHost), token);
  expect(outcome.code).toBe(status.UNAVAILABLE);
  expect(await refusal(one, "accepted", "no_certificate")).toBe("warn accepted it shows no certificate");
});

test("cleartext is refused by a node with a certificate, whoever speaks it", async () => {
  await using one = await open("n1", { material: await main.node("n1") });
  await using plain = await open("n2", { material: undefined });
  introduce(one.node, plain.node);
  expect(await refusal(one, "accepted", "cleartext")).toBe("warn accepted it speaks no TLS");
  const outcome = await callWithToken(portOf(one), credentials.createInsecure(), token);
  expect(outcome.code).toBe(status.UNAVAILABLE);
  expect(one.node.links.isUp("n2") || plain.node.links.isUp("n1")).toBe(false);
});

test("TLS is refused by a node without a certificate, and both sides say so", async () => {
  await using plain = await open("n1", { material: undefined });
  await using secured = await open("n2", { material: await main.node("n2") });
  introduce(plain.node, secured.node);
  expect(await refusal(plain, "accepted", "tls")).toBe(
    "warn accepted it speaks TLS, and this node has no mesh.certificateFile",
  );
  await waitUntil("the link says so", () => secured.node.log.some((line) => line.includes("TLS handshake")));
});

test("a link outlives a new certificate, and a node that only the new authority vouches for is taken afterwards", async () => {
  await using one = await open("n1", { material: await main.node("n1") });
  await using two = await open("n2", { material: await main.node("n2") });
  introduce(one.node, two.node);
  await up(one, two);
  const both = `${main.authority.cert}${stranger.authority.cert}`;
  await using three = await open("n3", { material: { ...(await stranger.node("n3")), authority: both } });
  introduce(one.node, two.node, three.node);
  await refusal(one, "accepted", "untrusted");
  for (const { transport, node } of [one, two]) {
    transport.useCertificate({ ...(await stranger.node(node.record.nodeId)), authority: both });
  }
  await Promise.all([up(one, three), up(two, three)]);
  expect([one.node.news, two.node.news].flat().filter((line) => line.startsWith("down"))).toEqual([]);
  one.node.sendSeqs("n2", [1]);
  await waitUntil("the old link carries items", () => two.node.seqs().includes(1));
});

test("a certificate that cannot be used changes nothing", async () => {
  await using one = await open("n1", { material: await main.node("n1") });
  await using two = await open("n2", { material: await main.node("n2") });
  const good = await main.node("n1");
  const changes: readonly [Partial<MutualTlsMaterial>, RegExp][] = [
    [{ authority: "" }, /no whole certificate/],
    [{ authority: good.authority.slice(0, -40) }, /no whole certificate/],
    [{ key: (await main.node("n1")).key }, /key values mismatch/],
    [{ cert: good.cert.slice(0, 300) }, /PEM/],
  ];
  for (const [change, says] of changes)
    expect(() => one.transport.useCertificate({ ...good, ...change })).toThrow(says);
  introduce(one.node, two.node);
  await up(one, two);
});

test("stopping leaves no socket, server or timer, also while handshakes are under way", async () => {
  const before = process.getActiveResourcesInfo().length;
  const nodes = await Promise.all(
    ["n1", "n2", "n3"].map(async (nodeId) => open(nodeId, { material: await main.node(nodeId) })),
  );
  const [one, two, three] = nodes;
  if (one === undefined || two === undefined || three === undefined) throw new Error("three were opened");
  introduce(one.node, two.node);
  await up(one, two);
  introduce(one.node, two.node, three.node);
  const silent = connectTcp(portOf(one), "127.0.0.1");
  silent.on("error", () => undefined);
  silent.resume();
  await once(silent, "connect");
  const closed = once(silent, "close");
  await Promise.all(nodes.map(({ node }) => node.links.stop()));
  await closed;
  const left = (): number => process.getActiveResourcesInfo().length;
  await waitUntil("nothing is left", () => left() <= before);
  expect(left()).toBeLessThanOrEqual(before);
});

test("no session is resumed, since what it was begun with may have expired", async () => {
  await using one = await open("n1", { material: await main.node("n1") });
  const options = tlsOptions(await main.node("n2"));
  const first = rawSocket(one, options);
  first.resume();
  const session = await new Promise<Buffer>((resolve) => void first.once("session", resolve));
  first.destroy();
  const second = rawSocket(one, { ...options, session });
  await once(second, "secureConnect");
  expect(second.isSessionReused()).toBe(false);
  second.destroy();
});

test.each([
  ["nothing", ""],
  // A record header that promises more than comes.
  ["half a handshake", "160301020001"],
])("a connection that says %s is closed in time", async (_, said) => {
  const refusals: string[] = [];
  const mutual = createMutualTls({
    material: await main.node("n1"),
    handshakeMsMax: 50,
    onAccepted: () => undefined,
    onRefused: ({ reason }) => void refusals.push(reason),
  });
  const listener = await listenForTcp({
    host: "127.0.0.1",
    port: 0,
    connectionsMax: 10,
    onConnection: (socket) => mutual.accept(socket),
  });
  const silent = connectTcp(listener.port, "127.0.0.1");
  silent.on("error", () => undefined);
  silent.resume();
  silent.write(Buffer.from(said, "hex"));
  await once(silent, "close");
  await listener.stop();
  expect(refusals).toEqual(["handshake"]);
});

const anyHost = { checkServerIdentity: () => undefined };

function portOf({ node }: SecuredNode): number {
  return Number(node.record.meshAddress.split(":")[1]);
}

function tlsOptions({ key, cert, authority }: MutualTlsMaterial): ConnectionOptions {
  return { key, cert, ca: authority };
}

/** A TLS client that believes anybody. */
function rawSocket(to: SecuredNode, options: ConnectionOptions): TLSSocket {
  const socket = connectTls({
    port: portOf(to),
    host: "127.0.0.1",
    ALPNProtocols: ["h2"],
    rejectUnauthorized: false,
    ...options,
  });
  socket.on("error", () => undefined);
  return socket;
}

async function dialRaw(to: SecuredNode, options: ConnectionOptions): Promise<"closed"> {
  const socket = rawSocket(to, options);
  socket.resume();
  await once(socket, "close");
  return "closed";
}
