import { connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import {
  eventItem,
  introduce,
  type LinkedNode,
  type LinkedNodeOptions,
  openLinkedNode,
  range,
  utf8,
} from "./fixtures/linked-node.ts";
import { createGrpcTransport } from "./grpc-transport.ts";
import { encodeItem } from "./link-codec.ts";

/** A node on a loopback port; any free one when none is given. */
function open(
  nodeId: string,
  options: Partial<LinkedNodeOptions> & { port?: number } = {},
): Promise<LinkedNode> {
  const { port = 0, ...rest } = options;
  const clock = systemClock();
  const transport = createGrpcTransport({
    host: "127.0.0.1",
    port,
    clock,
    logger: silentLogger,
    metrics: silentMetrics,
  });
  return openLinkedNode(nodeId, { transport, clock, ...rest });
}

async function linkUp(one: LinkedNode, other: LinkedNode): Promise<void> {
  await waitUntil(
    "both links are up",
    () => one.links.isUp(other.record.nodeId) && other.links.isUp(one.record.nodeId),
  );
}

function portOf(address: string): number {
  return Number(address.split(":")[1]);
}

test("over sockets items arrive in order, hints are coalesced, and calls are answered", async () => {
  await using one = await open("n1");
  await using other = await open("n2");
  introduce(one, other);
  await linkUp(one, other);
  one.sendSeqs("n2", range(1, 5_000));
  const call = one.call("n2", "hello");
  await one.links.settled("n2");
  expect(other.seqs()).toEqual(range(1, 5_000));
  expect(await call).toEqual({ kind: "answered", body: utf8("hello") });
  for (const seq of range(1, 5)) {
    one.links.send("n2", encodeItem(eventItem(seq, { class: "ephemeral", key: "typing" })));
  }
  await waitUntil("the newest hint came", () => other.seqs().at(-1) === 5 && other.seqs().length === 5_001);
});

test("over sockets a node that dies loses its calls at once, and is found again when it is back", async () => {
  await using one = await open("n1");
  const gone = await open("n2");
  introduce(one, gone);
  await linkUp(one, gone);
  gone.answer = () => new Promise(() => undefined);
  const lost = one.call("n2", "under way", 60_000);
  await waitUntil("the call has arrived", () => gone.calls.length === 1);
  await gone.links.stop();
  expect(await lost).toMatchObject({ kind: "lost" });
  await waitUntil("the link is down", () => one.news.at(-1) === "down n2");
  await using back = await open("n2", { port: portOf(gone.record.meshAddress), incarnation: "n2-2" });
  introduce(one, back);
  one.sendSeqs("n2", [7]);
  await linkUp(one, back);
  await waitUntil("the item came", () => back.seqs().includes(7));
});

/** A TCP proxy in front of a node: what goes through it can be cut off or held up. */
class Proxy implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((near) => this.#join(near));
  #port = 0;

  async listen(port: number): Promise<string> {
    this.#port = port;
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve()));
    const bound = this.#server.address();
    return `127.0.0.1:${typeof bound === "object" && bound !== null ? bound.port : 0}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  hold(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    const far = connect(this.#port, "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        near.destroy();
        far.destroy();
      });
    }
  }
}

test("over sockets nothing is lost or doubled while the connection is cut again and again", async () => {
  await using proxy = new Proxy();
  await using one = await open("n1");
  await using other = await open("n2");
  const behind = await proxy.listen(portOf(other.record.meshAddress));
  one.links.keep([{ ...other.record, meshAddress: behind }]);
  await waitUntil("the link is up", () => one.links.isUp("n2"));
  for (let burst = 0; burst < 20; burst += 1) {
    one.sendSeqs("n2", range(burst * 200 + 1, burst * 200 + 200));
    await waitUntil("some have come", () => other.seqs().length > burst * 200 - 100);
    proxy.cut();
  }
  await waitUntil("all have come", () => other.seqs().length >= 4_000);
  expect(other.seqs()).toEqual(range(1, 4_000));
  expect(one.news.filter((line) => line === "out n2")).toHaveLength(1);
});

test("over sockets a node that never reads costs bounded memory, and hears afterwards that the link began anew", async () => {
  await using proxy = new Proxy();
  await using one = await open("n1", {
    limits: { bytesUnacknowledgedMax: 1024 * 1024, redial: { baseMs: 1, maxMs: 5 } },
  });
  await using other = await open("n2");
  const behind = await proxy.listen(portOf(other.record.meshAddress));
  one.links.keep([{ ...other.record, meshAddress: behind }]);
  await waitUntil("the link is up", () => one.links.isUp("n2"));
  proxy.hold();
  const item = encodeItem(eventItem(1, { bytes: new Uint8Array(10_000) }));
  let unacknowledged = 0;
  for (let round = 0; one.links.status()[0]?.epoch === 1n; round += 1) {
    expect(round).toBeLessThan(100);
    for (let n = 0; n < 20; n += 1) one.links.send("n2", item);
    unacknowledged = Math.max(unacknowledged, one.links.status()[0]?.unacknowledged ?? 0);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(unacknowledged).toBeLessThan(110);
  await waitUntil("the link is up again", () => one.links.isUp("n2"));
  one.sendSeqs("n2", [99]);
  await waitUntil("the item came", () => other.seqs().includes(99));
  expect(other.news).toEqual(["in n1", "in n1"]);
});

test("over sockets a node of another protocol is refused, and the others are not disturbed", async () => {
  await using one = await open("n1");
  await using other = await open("n2");
  await using far = await open("far", { protocol: { min: 7, max: 8 } });
  introduce(one, other, far);
  await linkUp(one, other);
  await waitUntil("it was refused", () => far.links.status().every(({ state }) => state === "refused"));
  expect(far.links.status()[0]?.reason).toContain("speaks link protocol 7 to 8");
});

test("stopping leaves no socket, server or timer, whatever the links were doing", async () => {
  const before = process.getActiveResourcesInfo().length;
  const nodes = [await open("n1"), await open("n2"), await open("n3")];
  const [one, other, third] = nodes;
  introduce(...nodes);
  await waitUntil("the links are up", () =>
    nodes.every(({ links }) => links.status().every(({ state }) => state === "up")),
  );
  await third?.links.stop();
  one?.sendSeqs("n2", range(1, 3_000));
  one?.sendSeqs("n3", range(1, 3_000));
  const call = other?.call("n1", "under way");
  await Promise.all(nodes.map(({ links }) => links.stop()));
  expect(await call).toMatchObject({ kind: "lost" });
  await waitUntil("nothing is left", () => process.getActiveResourcesInfo().length <= before);
});
