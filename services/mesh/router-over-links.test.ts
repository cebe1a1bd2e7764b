import { describe, expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { LinkedNetwork } from "./fixtures/linked-network.ts";
import { eventOn, metricOf, RouterCluster } from "./fixtures/router-cluster.ts";
import { leaveDelayMs } from "./join-plan.ts";
import { linkLimits } from "./link-limits.ts";
import { rankOwners } from "./rendezvous.ts";

const three = ["n1", "n2", "n3"];

/** Two pings may pass before a late pong is noticed. */
const suspicionMsMax = linkLimits.pongLateMs + 2 * linkLimits.pingIntervalMs;

/** A topic with this order of owners. */
function topicOf(kind: "conv" | "user", ...order: readonly string[]): string {
  for (let index = 0; index < 10_000; index += 1) {
    const topic = `${kind}/${index}`;
    if (rankOwners(topic, order).join() === order.join()) return topic;
  }
  throw new Error("no topic has this order");
}

/** Real nodes, routers and links; only the way between them is within this process. */
async function startCluster(limits = {}) {
  const clock = new FakeClock();
  const network = new LinkedNetwork(clock, limits);
  const cluster = new RouterCluster(clock, (listener, nodeId) => network.links(listener, nodeId));
  for (const nodeId of three) cluster.start(nodeId);
  cluster.list();
  await clock.advance(100);
  const cut = (one: string, other: string): void => {
    network.cut(one, other);
    network.cut(other, one);
  };
  const ask = async (topic: string): Promise<string> => {
    const answer = cluster.command("n1", topic, "append");
    await clock.advance(50);
    return answer;
  };
  return { clock, network, cluster, cut, ask, node: (nodeId: string) => cluster.node(nodeId) };
}

describe("routers over real links", () => {
  test("serve a command and fan an event out to exactly those who joined", async () => {
    const { clock, cluster, ask, node } = await startCluster();
    const topic = topicOf("conv", "n2", "n3", "n1");
    node("n1").listen(topic);
    node("n2").listen(topic);
    await clock.advance(50);
    expect(await ask(topic)).toBe("n2 did append");
    node("n2").router.publish(eventOn(topic));
    await clock.advance(50);
    expect(cluster.takeHeard()).toEqual({ n1: [`${topic} 1`], n2: [`${topic} 1`], n3: [] });
    expect(await metricOf(node("n2"), 'mesh_events_sent_total{class="durable"}')).toBe(1);
  });

  test("have joined before they say so, over links that are just being opened", async () => {
    const clock = new FakeClock();
    const network = new LinkedNetwork(clock);
    const cluster = new RouterCluster(clock, (listener, nodeId) => network.links(listener, nodeId));
    for (const nodeId of three) cluster.start(nodeId);
    const topic = topicOf("conv", "n2", "n3", "n1");
    cluster.list();
    cluster.node("n1").listen(topic);
    let interest: readonly string[] = [];
    void cluster
      .node("n1")
      .router.joined()
      .then(() => (interest = [...cluster.node("n2").router.interestOf("n1")]));
    await clock.advance(100);
    expect(interest).toEqual([topic]);
  });

  test("go to the next owner as soon as the process of the first is dead, before any list says so", async () => {
    const { clock, ask, node } = await startCluster();
    const topic = topicOf("conv", "n2", "n3", "n1");
    await node("n2").mesh.stop();
    await clock.advance(50);
    expect(await ask(topic)).toBe("n3 did append");
  });

  test("suspect an owner that falls silent, join at the next one too, and come back to it", async () => {
    const { clock, cluster, network, cut, ask, node } = await startCluster();
    const topic = topicOf("user", "n2", "n3", "n1");
    node("n1").listen(topic);
    await clock.advance(50);
    cut("n1", "n2");
    await clock.advance(suspicionMsMax);
    expect(await ask(topic)).toBe("n3 did append");
    expect([...node("n3").router.interestOf("n1")]).toEqual([topic]);
    node("n1").router.publish(eventOn(topic, 1n));
    await clock.advance(50);
    expect(cluster.takeHeard()).toEqual({ n1: [`${topic} 1`], n2: [], n3: [] });
    for (const [from, to] of [
      ["n1", "n2"],
      ["n2", "n1"],
    ] as const) {
      network.heal(from, to);
    }
    await clock.advance(2 * leaveDelayMs);
    expect(await ask(topic)).toBe("n2 did append");
    expect(node("n3").router.interestOf("n1").size).toBe(0);
    node("n1").router.publish(eventOn(topic, 2n));
    await clock.advance(50);
    expect(cluster.takeHeard()).toEqual({ n1: [`${topic} 2`], n2: [], n3: [] });
  });

  test("lose no command without an answer when the owner falls silent under it", async () => {
    const { clock, cluster, cut } = await startCluster();
    const topic = topicOf("conv", "n2", "n3", "n1");
    cut("n1", "n2");
    const answers = [cluster.command("n1", topic, "one"), cluster.command("n1", topic, "two", 1_000)];
    await clock.advance(3_000);
    expect(await Promise.all(answers)).toEqual(["moved", "moved"]);
  });

  test("join everything again after a link overflowed, which the other side hears of as a gap", async () => {
    const { clock, cut, network, node } = await startCluster({ itemsUnacknowledgedMax: 4 });
    const gaps: string[] = [];
    node("n2").mesh.onGap((from) => gaps.push(from));
    const topics = Array.from({ length: 50 }, (_, index) => `conv/${index}`);
    for (const topic of topics) node("n1").listen(topic);
    await clock.advance(50);
    cut("n1", "n2");
    for (let seq = 1n; seq <= 10n; seq += 1n) {
      node("n1").router.publish(eventOn(topicOf("user", "n2", "n1", "n3"), seq));
    }
    network.heal("n1", "n2");
    network.heal("n2", "n1");
    await clock.advance(5_000);
    expect(gaps).toEqual(["n1"]);
    const expected = topics.filter((topic) => rankOwners(topic, three)[0] === "n2");
    expect([...node("n2").router.interestOf("n1")].sort()).toEqual(expected.sort());
  });

  test("follow a node that comes, drains and goes, while commands are served all the time", async () => {
    const { clock, cluster, ask, node } = await startCluster();
    const topic = topicOf("conv", "n4", "n2", "n3", "n1");
    node("n1").listen(topic);
    expect(await ask(topic)).toBe("n2 did append");
    const fourth = cluster.start("n4");
    cluster.list();
    expect(await ask(topic)).toBe("n4 did append");
    expect([...fourth.router.interestOf("n1")]).toEqual([topic]);
    const others = three.map((nodeId) => node(nodeId).record);
    cluster.list([...others, { ...fourth.record, draining: true }]);
    expect(await ask(topic)).toBe("n2 did append");
    expect([...node("n2").router.interestOf("n1")]).toEqual([topic]);
    await clock.advance(2 * leaveDelayMs);
    expect(fourth.router.interestOf("n1").size).toBe(0);
    await fourth.mesh.stop();
    cluster.list(others);
    expect(await ask(topic)).toBe("n2 did append");
  });
});
