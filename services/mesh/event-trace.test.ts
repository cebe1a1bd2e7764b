import { expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { FakeNetwork } from "./fixtures/fake-links.ts";
import { eventOn, RouterCluster } from "./fixtures/router-cluster.ts";
import { rankOwners } from "./rendezvous.ts";

const three = ["n1", "n2", "n3"];

async function startCluster(): Promise<RouterCluster> {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const cluster = new RouterCluster(clock, (listener) => network.links(listener));
  for (const nodeId of three) cluster.start(nodeId);
  cluster.list();
  await clock.settle();
  return cluster;
}

/** What all nodes traced, by node. */
function tracesOf(cluster: RouterCluster): Record<string, readonly string[]> {
  return Object.fromEntries([...cluster.nodes].map(([nodeId, { traced }]) => [nodeId, traced]));
}

/** A topic of an account whose owner is n2. */
function topicOfN2(): string {
  const topics = Array.from({ length: 100 }, (_, index) => `user/${index}`);
  const topic = topics.find((each) => rankOwners(each, three)[0] === "n2");
  if (topic === undefined) throw new Error("n2 owns nothing");
  return topic;
}

test("an entry is traced where it is sent on, with the nodes that it goes to, and where it arrives", async () => {
  const cluster = await startCluster();
  for (const nodeId of ["n1", "n3"]) cluster.node(nodeId).listen(topicOfN2());
  await cluster.joined();
  cluster.node("n1").router.publish(eventOn(topicOfN2(), 7n));
  await cluster.clock.settle();
  const event = `${topicOfN2()} 7`;
  expect(tracesOf(cluster)).toEqual({
    // It listens itself, and hears of it from the owner like all others.
    n1: [`${event} > n2`, `${event} < n2`],
    n2: [`${event} < n1`, `${event} > n1,n3`],
    n3: [`${event} < n2`],
  });
});

test("nothing is traced of an entry that no other node wants, nor of what is not an entry", async () => {
  const cluster = await startCluster();
  cluster.node("n2").listen(topicOfN2());
  cluster.node("n2").router.publish(eventOn(topicOfN2(), 1n));
  for (const nodeId of ["n1", "n3"]) cluster.node(nodeId).listen(topicOfN2());
  await cluster.joined();
  cluster.node("n1").router.publish(eventOn(topicOfN2(), 2n, "ephemeral"));
  cluster.node("n1").router.publish(eventOn(topicOfN2(), 0n, "notice"));
  await cluster.clock.settle();
  expect(cluster.node("n3").heard).toHaveLength(2);
  expect(tracesOf(cluster)).toEqual({ n1: [], n2: [], n3: [] });
});
