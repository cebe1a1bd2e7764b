import { describe, expect, test } from "vitest";
import type { Logger } from "../kernel/logger.ts";
import { silentLogger } from "../kernel/logger.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { createMesh, type NodeMesh, type TopicItem } from "./create-mesh.ts";
import { FakeNetwork } from "./fixtures/fake-links.ts";
import { ListedNodes } from "./fixtures/listed-nodes.ts";
import { nodeRecord } from "./fixtures/node-records.ts";
import { encodeItem } from "./link-codec.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function meshOn(nodeId: string, network: FakeNetwork, parts: { clock: FakeClock; logger?: Logger }) {
  const membership = new ListedNodes(nodeRecord(nodeId));
  const mesh = createMesh({
    membership,
    createLinks: (listener) => network.links(listener),
    clock: parts.clock,
    logger: parts.logger ?? silentLogger,
  });
  return { membership, mesh };
}

/** Three nodes, of which each knows all, with their links up. */
async function startThree(logger?: Logger) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const parts = { clock, ...(logger === undefined ? {} : { logger }) };
  const nodes = ["n1", "n2", "n3"].map((nodeId) => meshOn(nodeId, network, parts));
  const records = ["n1", "n2", "n3"].map((nodeId) => nodeRecord(nodeId));
  for (const { membership } of nodes) membership.list(records);
  await clock.settle();
  const node = (index: number): { membership: ListedNodes; mesh: NodeMesh } => {
    const found = nodes[index - 1];
    if (found === undefined) throw new Error(`there is no node ${index}`);
    return found;
  };
  return { clock, network, records, node, mesh: (index: number) => node(index).mesh };
}

const call = (name: string, body = "", timeoutMs = 1_000) => ({ name, body: bytesOf(body), timeoutMs });

describe("a mesh", () => {
  test("says who this node is and who the others are, and whether they can be reached", async () => {
    const { clock, network, mesh } = await startThree();
    expect(mesh(1).self().nodeId).toBe("n1");
    expect(
      mesh(1)
        .nodes()
        .map(({ nodeId }) => nodeId),
    ).toEqual(["n1", "n2", "n3"]);
    network.cut("n1", "n3");
    await clock.settle();
    expect(["n1", "n2", "n3", "n4"].map((nodeId) => mesh(1).isUp(nodeId))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("keeps links to those who are listed, and drops them with the list", async () => {
    const { clock, records, node, mesh } = await startThree();
    node(1).membership.list(records.slice(0, 2));
    await clock.settle();
    expect(
      mesh(1)
        .links.status()
        .map(({ nodeId }) => nodeId),
    ).toEqual(["n2"]);
    expect(mesh(1).isUp("n3")).toBe(false);
  });

  test("that is created after the first list knows it", async () => {
    const clock = new FakeClock();
    const network = new FakeNetwork(clock);
    const membership = new ListedNodes(nodeRecord("n1"));
    membership.list([nodeRecord("n1"), nodeRecord("n2")]);
    const createLinks = network.links.bind(network);
    const mesh = createMesh({ membership, createLinks, clock, logger: silentLogger });
    expect(mesh.links.status().map(({ nodeId }) => nodeId)).toEqual(["n2"]);
  });

  test("tells of every change of the list and of links, after the links know", async () => {
    const { clock, network, records, node, mesh } = await startThree();
    const seen: string[] = [];
    mesh(1).onChange(() => {
      seen.push(`${mesh(1).nodes().length} nodes, n2 ${mesh(1).isUp("n2") ? "up" : "down"}`);
    });
    network.cut("n1", "n2");
    await clock.settle();
    network.heal("n1", "n2");
    await clock.settle();
    node(1).membership.list(records.slice(0, 1));
    await clock.settle();
    expect(seen).toEqual(["3 nodes, n2 down", "3 nodes, n2 up", ...Array(3).fill("1 nodes, n2 down")]);
  });

  test("tells of a gap when another node's link begins anew", async () => {
    const { clock, network, mesh } = await startThree();
    const gaps: string[] = [];
    mesh(2).onGap((from) => gaps.push(from));
    network.reset("n1", "n2");
    await clock.settle();
    expect(gaps).toEqual(["n1"]);
  });
});

describe("calls", () => {
  test("are answered by the handler of their name, at another node or at this one", async () => {
    const { clock, mesh } = await startThree();
    for (const index of [1, 2]) {
      mesh(index).answer("greet", async (from, { body }) =>
        bytesOf(`${from} greets n${index}: ${textOf(body)}`),
      );
    }
    const outcomes = ["n1", "n2"].map((nodeId) => mesh(1).call(nodeId, call("greet", "hello")));
    await clock.settle();
    expect(await Promise.all(outcomes)).toEqual([
      { kind: "answered", body: bytesOf("n1 greets n1: hello") },
      { kind: "answered", body: bytesOf("n1 greets n2: hello") },
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  test.each(["n1", "n2"])("to %s say by its own clock when nobody waits any more", async (nodeId) => {
    const { clock, mesh } = await startThree();
    await clock.advance(250);
    for (const index of [1, 2])
      mesh(index).answer("when", async (_, { expireMs }) => bytesOf(String(expireMs)));
    const outcome = mesh(1).call(nodeId, call("when", "", 700));
    await clock.settle();
    expect(await outcome).toEqual({ kind: "answered", body: bytesOf("950") });
  });

  test.each(["n1", "n2"])(
    "to %s fail when the handler does or is unknown, and are lost in time",
    async (nodeId) => {
      const { clock, mesh } = await startThree();
      for (const index of [1, 2]) {
        mesh(index).answer("break", () => Promise.reject(new Error("it broke")));
        mesh(index).answer("throw", () => {
          throw new Error("it threw");
        });
        mesh(index).answer("hang", () => new Promise(() => undefined));
      }
      const outcomes = ["break", "throw", "missing", "hang"].map((name) => mesh(1).call(nodeId, call(name)));
      await clock.advance(1_000);
      const [broken, thrown, missing, hung] = await Promise.all(outcomes);
      expect(broken).toMatchObject({ kind: "failed", message: expect.stringContaining("it broke") });
      expect(thrown).toMatchObject({ kind: "failed", message: expect.stringContaining("it threw") });
      expect(missing).toMatchObject({ kind: "failed", message: expect.stringContaining('"missing"') });
      expect(hung).toMatchObject({ kind: "lost" });
    },
  );

  test("have one handler a name", async () => {
    const { mesh } = await startThree();
    const handler = () => Promise.resolve(new Uint8Array());
    mesh(1).answer("greet", handler);
    expect(() => mesh(1).answer("greet", handler)).toThrow('calls "greet" are answered already');
  });
});

describe("broadcasts", () => {
  test("reach the handlers of their name at all other nodes", async () => {
    const { clock, mesh } = await startThree();
    const heard: string[] = [];
    for (const index of [1, 2, 3]) {
      mesh(index).onBroadcast("news", (from, body) => heard.push(`${from} to n${index}: ${textOf(body)}`));
    }
    mesh(1).broadcast("news", bytesOf("hello"));
    mesh(1).broadcast("of a newer version", bytesOf("?"));
    await clock.settle();
    expect(heard).toEqual(["n1 to n2: hello", "n1 to n3: hello"]);
    expect(() => mesh(1).onBroadcast("news", () => undefined)).toThrow('"news" are heard already');
  });

  test("are heard by the next nodes and items when a handler throws, which is logged", async () => {
    const errors: string[] = [];
    const { clock, mesh } = await startThree({ ...silentLogger, error: (message) => errors.push(message) });
    const items: TopicItem[] = [];
    mesh(2).onBroadcast("news", () => {
      throw new Error("broken handler");
    });
    mesh(2).carryTopics({
      onItem: (_, item) => items.push(item),
      onIncomingReset: () => undefined,
      onOutgoingReset: () => undefined,
    });
    mesh(1).broadcast("news", bytesOf("hello"));
    mesh(1).links.send("n2", encodeItem({ kind: "join", topics: ["conv/a"] }));
    await clock.settle();
    expect(errors).toEqual(["a handler of a broadcast failed"]);
    expect(items).toEqual([{ kind: "join", topics: ["conv/a"] }]);
  });
});

test("topics have one carrier", async () => {
  const { mesh } = await startThree();
  const carrier = {
    onItem: () => undefined,
    onIncomingReset: () => undefined,
    onOutgoingReset: () => undefined,
  };
  mesh(1).carryTopics(carrier);
  expect(() => mesh(1).carryTopics(carrier)).toThrow("somebody carries the topics");
});

test("a mesh that stops loses the calls that are under way", async () => {
  const { clock, mesh } = await startThree();
  mesh(2).answer("hang", () => new Promise(() => undefined));
  const outcome = mesh(1).call("n2", call("hang"));
  await clock.settle();
  await mesh(1).stop();
  await clock.settle();
  expect((await outcome).kind).toBe("lost");
});
