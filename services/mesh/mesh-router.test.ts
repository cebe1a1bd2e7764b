import { describe, expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { FakeNetwork } from "./fixtures/fake-links.ts";
import { eventOn, metricOf, RouterCluster } from "./fixtures/router-cluster.ts";
import { leaveDelayMs } from "./join-plan.ts";
import { rankOwners } from "./rendezvous.ts";

const three = ["n1", "n2", "n3"];

/** A topic with this order of owners. */
function topicOf(kind: "conv" | "user", ...order: readonly string[]): string {
  for (let index = 0; index < 10_000; index += 1) {
    const topic = `${kind}/${index}`;
    if (rankOwners(topic, order).join() === order.join()) return topic;
  }
  throw new Error("no topic has this order");
}

/** Nodes that know one another, with all links up. */
async function startCluster(...nodeIds: readonly string[]) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const cluster = new RouterCluster(clock, (listener) => network.links(listener));
  for (const nodeId of nodeIds) cluster.start(nodeId);
  cluster.list();
  await clock.settle();
  return { clock, network, cluster, node: (nodeId: string) => cluster.node(nodeId) };
}

describe("a node that is alone", () => {
  test("serves every command, in the turn in which it comes", async () => {
    const { cluster, node } = await startCluster("n1");
    const answer = cluster.command("n1", "conv/x", "append");
    expect(node("n1").served).toEqual(["append"]);
    expect(await answer).toBe("n1 did append");
  });

  test("gives events of every kind to its listeners in the same turn, and waits for nobody to join", async () => {
    const { node } = await startCluster("n1");
    const leave = node("n1").listen("user/a");
    node("n1").listen("conv/x");
    await node("n1").router.joined();
    node("n1").router.publish(eventOn("user/a"));
    node("n1").router.publish(eventOn("conv/x", 2n, "ephemeral"));
    leave();
    node("n1").router.publish(eventOn("user/a"));
    expect(node("n1").heard).toEqual(["user/a 1", "conv/x 2"]);
    expect(node("n1").router.topicsOwned()).toBe(1);
  });

  test("serves before it is in any list", async () => {
    const clock = new FakeClock();
    const network = new FakeNetwork(clock);
    const cluster = new RouterCluster(clock, (listener) => network.links(listener));
    const node = cluster.start("n1");
    node.listen("user/a");
    node.router.publish(eventOn("user/a"));
    expect(await cluster.command("n1", "conv/x", "append")).toBe("n1 did append");
    expect(node.heard).toEqual(["user/a 1"]);
  });
});

describe("commands", () => {
  test("go to the first owner of their topic, from wherever they come", async () => {
    const { clock, cluster } = await startCluster(...three);
    const topic = topicOf("conv", "n2", "n3", "n1");
    const answers = three.map((nodeId) => cluster.command(nodeId, topic, `of ${nodeId}`));
    await clock.settle();
    expect(await Promise.all(answers)).toEqual(["n2 did of n1", "n2 did of n2", "n2 did of n3"]);
    expect(await metricOf(cluster.node("n1"), 'mesh_commands_total{outcome="answered"}')).toBe(1);
    expect(await metricOf(cluster.node("n2"), 'mesh_commands_total{outcome="local"}')).toBe(1);
  });

  test("pass over a suspected owner, and come back when its link is up", async () => {
    const { clock, cluster, network } = await startCluster(...three);
    const topic = topicOf("conv", "n2", "n3", "n1");
    const ask = async (): Promise<string> => {
      const answer = cluster.command("n1", topic, "append");
      await clock.settle();
      return answer;
    };
    network.cut("n1", "n2");
    await clock.settle();
    expect(await ask()).toBe("n3 did append");
    network.cut("n1", "n3");
    await clock.settle();
    expect(await ask()).toBe("n1 did append");
    network.heal("n1", "n2");
    await clock.settle();
    expect(await ask()).toBe("n2 did append");
  });

  test("are served where another node hands them, whoever owns the topic there: one hop", async () => {
    const { clock, cluster, network } = await startCluster(...three);
    const topic = topicOf("conv", "n2", "n3", "n1");
    network.cut("n1", "n2");
    await clock.settle();
    const answer = cluster.command("n1", topic, "append");
    await clock.settle();
    expect([await answer, cluster.node("n2").served]).toEqual(["n3 did append", []]);
  });

  test("that are lost on the way come back as moved", async () => {
    const { clock, cluster, network } = await startCluster(...three);
    cluster.node("n2").serve = () => new Promise<string>(() => undefined);
    const answer = cluster.command("n1", topicOf("conv", "n2", "n3", "n1"), "append");
    await clock.settle();
    network.cut("n1", "n2");
    await clock.settle();
    expect(await answer).toBe("moved");
    expect(await metricOf(cluster.node("n1"), 'mesh_commands_total{outcome="lost"}')).toBe(1);
  });

  test("that nobody answers come back as moved after three seconds, or when their time is over", async () => {
    const { clock, cluster } = await startCluster(...three);
    cluster.node("n2").serve = () => new Promise<string>(() => undefined);
    const topic = topicOf("conv", "n2", "n3", "n1");
    const ends: string[] = [];
    void cluster.command("n1", topic, "long").then((result) => ends.push(`long ${result}`));
    void cluster.command("n1", topic, "short", 500).then((result) => ends.push(`short ${result}`));
    await clock.advance(499);
    expect(ends).toEqual([]);
    await clock.advance(1);
    expect(ends).toEqual(["short moved"]);
    await clock.advance(2_500);
    expect(ends).toEqual(["short moved", "long moved"]);
  });

  test("that one gives out in the turn in which one joins come behind the join", async () => {
    const { clock, cluster, node } = await startCluster(...three);
    const topic = topicOf("conv", "n2", "n3", "n1");
    node("n2").serve = async ({ text }) => {
      node("n2").router.publish(eventOn(topic));
      return text;
    };
    node("n1").listen(topic);
    void cluster.command("n1", topic, "append");
    await clock.settle();
    expect(node("n1").heard).toEqual([`${topic} 1`]);
  });

  test("that another node fails to serve come back as moved, with a warning once in a while", async () => {
    const { clock, cluster } = await startCluster(...three);
    cluster.node("n2").serve = () => Promise.reject(new Error("a bug"));
    const ask = async (): Promise<string> => {
      const answer = cluster.command("n1", topicOf("conv", "n2", "n3", "n1"), "append");
      await clock.settle();
      return answer;
    };
    expect([await ask(), await ask()]).toEqual(["moved", "moved"]);
    expect(await metricOf(cluster.node("n1"), 'mesh_commands_total{outcome="failed"}')).toBe(2);
    expect(cluster.node("n1").warnings).toEqual(["another node could not serve a command"]);
    await clock.advance(10_000);
    await ask();
    expect(cluster.node("n1").warnings).toHaveLength(2);
  });

  test("that reach a draining or stopped node come back as moved, and none go there once the list says so", async () => {
    const { clock, cluster, node } = await startCluster(...three);
    const topic = topicOf("conv", "n2", "n3", "n1");
    const draining = { ...node("n2").record, draining: true };
    const records = [node("n1").record, draining, node("n3").record];
    node("n2").membership.list(records);
    const early = cluster.command("n1", topic, "append");
    await clock.settle();
    expect([await early, node("n2").served]).toEqual(["moved", []]);
    cluster.list(records);
    const [late, own] = [cluster.command("n1", topic, "append"), cluster.command("n2", topic, "its own")];
    await clock.settle();
    expect([await late, await own]).toEqual(["n3 did append", "n3 did its own"]);
    await node("n3").router.stop();
    const last = cluster.command("n1", topic, "append");
    await clock.settle();
    expect(await last).toBe("moved");
  });
});

describe("commands for a node that does not reach the store", () => {
  test("go to the next owner, and those that are with it are given up at once, its own too", async () => {
    const { clock, cluster, node } = await startCluster(...three);
    const topic = topicOf("conv", "n2", "n3", "n1");
    node("n2").serve = () => new Promise<string>(() => undefined);
    const waiting = [cluster.command("n1", topic, "first"), cluster.command("n2", topic, "own")];
    await clock.settle();
    for (const nodeId of three) node(nodeId).standings.tell("n2", true);
    await clock.settle();
    expect(await Promise.all(waiting)).toEqual(["moved", "moved"]);
    const after = [cluster.command("n1", topic, "second"), cluster.command("n2", topic, "third")];
    await clock.settle();
    expect(await Promise.all(after)).toEqual(["n3 did second", "n3 did third"]);
    for (const nodeId of three) node(nodeId).standings.tell("n2", false);
    node("n2").serve = async ({ text }) => `n2 did ${text}`;
    const again = cluster.command("n1", topic, "fourth");
    await clock.settle();
    expect(await again).toBe("n2 did fourth");
  });
});

describe("commands for a node whose link is being opened", () => {
  async function startApart() {
    const clock = new FakeClock();
    const network = new FakeNetwork(clock);
    const cluster = new RouterCluster(clock, (listener) => network.links(listener));
    for (const nodeId of three) cluster.start(nodeId);
    network.cut("n1", "n2");
    cluster.list();
    await clock.settle();
    return { clock, network, cluster };
  }

  test("wait for it, and go there in the order in which they came", async () => {
    const { clock, network, cluster } = await startApart();
    const topic = topicOf("conv", "n2", "n3", "n1");
    const answers = ["one", "two", "three"].map((text) => cluster.command("n1", topic, text));
    await clock.advance(100);
    network.heal("n1", "n2");
    await clock.settle();
    expect(await Promise.all(answers)).toEqual(["n2 did one", "n2 did two", "n2 did three"]);
    expect(cluster.node("n2").served).toEqual(["one", "two", "three"]);
    expect(await metricOf(cluster.node("n1"), 'mesh_commands_total{outcome="held"}')).toBe(3);
  });

  test("go to the next owner when it does not open in time", async () => {
    const { clock, cluster } = await startApart();
    const topic = topicOf("conv", "n2", "n3", "n1");
    const answer = cluster.command("n1", topic, "append");
    await clock.advance(299);
    expect([cluster.node("n2").served, cluster.node("n3").served]).toEqual([[], []]);
    await clock.advance(1);
    expect(await answer).toBe("n3 did append");
  });

  test("go to the next owner when the node leaves the list, or when this one stops", async () => {
    const { clock, cluster } = await startApart();
    const topic = topicOf("conv", "n2", "n3", "n1");
    const answer = cluster.command("n1", topic, "append");
    cluster.list(["n1", "n3"].map((nodeId) => cluster.node(nodeId).record));
    await clock.settle();
    expect(await answer).toBe("n3 did append");
    cluster.list();
    const last = cluster.command("n1", topic, "last");
    await cluster.node("n1").router.stop();
    await clock.settle();
    expect(await last).toBe("n3 did last");
  });

  test("do not wait when a thousand wait already", async () => {
    const { clock, cluster } = await startApart();
    const topic = topicOf("conv", "n2", "n3", "n1");
    for (let index = 0; index < 1_000; index += 1) void cluster.command("n1", topic, "held");
    const answer = cluster.command("n1", topic, "one too many");
    await clock.settle();
    expect(await answer).toBe("n3 did one too many");
    expect(cluster.node("n3").served).toEqual(["one too many"]);
  });
});

describe("events", () => {
  test("of a group go from the node that appended them to those who joined, and to no other", async () => {
    const { clock, cluster, node, network } = await startCluster("n1", "n2", "n3", "n4");
    const topic = topicOf("conv", "n2", "n3", "n1", "n4");
    for (const nodeId of ["n1", "n2", "n3"]) node(nodeId).listen(topic);
    await cluster.joined();
    network.log.length = 0;
    node("n2").router.publish(eventOn(topic));
    expect(node("n2").heard).toEqual([`${topic} 1`]);
    await clock.settle();
    expect(cluster.takeHeard()).toEqual({
      n1: [`${topic} 1`],
      n2: [`${topic} 1`],
      n3: [`${topic} 1`],
      n4: [],
    });
    expect(network.log.map(({ from, to }) => `${from} ${to}`)).toEqual(["n2 n1", "n2 n3"]);
    expect(await metricOf(node("n2"), "mesh_fanout_nodes_sum")).toBe(2);
    expect(await metricOf(node("n2"), 'mesh_events_sent_total{class="durable"}')).toBe(2);
  });

  test.each([
    ["an entry for an account", "user", "durable"],
    ["a signal of a group", "conv", "ephemeral"],
    ["a notice", "user", "notice"],
  ] as const)("%s goes by way of the owner, and reaches each listener once", async (_, kind, eventClass) => {
    const { clock, cluster, node } = await startCluster(...three);
    const topic = topicOf(kind, "n2", "n3", "n1");
    for (const nodeId of three) node(nodeId).listen(topic);
    await cluster.joined();
    for (const nodeId of three) {
      node(nodeId).router.publish(eventOn(topic, 7n, eventClass));
      await clock.settle();
      expect(cluster.takeHeard()).toEqual({ n1: [`${topic} 7`], n2: [`${topic} 7`], n3: [`${topic} 7`] });
    }
    expect(await metricOf(node("n1"), "mesh_relays_total")).toBe(1);
    expect(await metricOf(node("n2"), "mesh_relays_total")).toBe(0);
  });

  test("that one publishes in the turn in which one joins are heard, since joins go first", async () => {
    const { clock, node } = await startCluster(...three);
    const topic = topicOf("user", "n2", "n3", "n1");
    node("n1").listen(topic);
    node("n1").router.publish(eventOn(topic));
    await clock.settle();
    expect(node("n1").heard).toEqual([`${topic} 1`]);
  });

  test("are relayed to the next owner while the first is suspected, where those who suspect it too have joined", async () => {
    const { clock, cluster, network, node } = await startCluster(...three);
    const topic = topicOf("user", "n2", "n3", "n1");
    node("n1").listen(topic);
    await cluster.joined();
    network.cut("n1", "n2");
    await clock.settle();
    expect([...node("n3").router.interestOf("n1")]).toEqual([topic]);
    node("n1").router.publish(eventOn(topic, 1n));
    // From n3, which does not suspect n2: n1 is still joined there, and the way back is open.
    node("n3").router.publish(eventOn(topic, 2n));
    await clock.settle();
    expect(node("n1").heard).toEqual([`${topic} 1`, `${topic} 2`]);
    network.heal("n1", "n2");
    await clock.advance(leaveDelayMs + 1_000);
    expect([...node("n3").router.interestOf("n1")]).toEqual([]);
  });

  test("are given to one's own listeners when no owner can be reached", async () => {
    const { clock, network, node } = await startCluster("n1", "n2");
    const topic = topicOf("user", "n2", "n1");
    node("n1").listen(topic);
    network.cut("n1", "n2");
    await clock.settle();
    node("n1").router.publish(eventOn(topic));
    expect(node("n1").heard).toEqual([`${topic} 1`]);
  });

  test("that arrive for nobody are counted as wasted", async () => {
    const { clock, cluster, node } = await startCluster(...three);
    const topic = topicOf("conv", "n2", "n3", "n1");
    const leave = node("n1").listen(topic);
    await cluster.joined();
    leave();
    node("n2").router.publish(eventOn(topic));
    await clock.settle();
    expect(await metricOf(node("n1"), "mesh_events_wasted_total")).toBe(1);
    await clock.advance(leaveDelayMs + 1_000);
    node("n2").router.publish(eventOn(topic));
    await clock.settle();
    expect(await metricOf(node("n1"), "mesh_events_wasted_total")).toBe(1);
  });
});

test("what is owned is counted with the topics of all, by the first owner only", async () => {
  const { clock, node } = await startCluster(...three);
  for (let index = 0; index < 30; index += 1) {
    node("n1").listen(`conv/${index}`);
    node("n2").listen(`conv/${index + 10}`);
  }
  await clock.settle();
  const owned = three.map((nodeId) => node(nodeId).router.topicsOwned());
  const expected = three.map((nodeId) => {
    const topics = Array.from({ length: 40 }, (_, index) => `conv/${index}`);
    return topics.filter((topic) => rankOwners(topic, three)[0] === nodeId).length;
  });
  expect(owned).toEqual(expected);
  expect(await metricOf(node("n1"), "mesh_topics_owned")).toBe(expected[0]);
});
