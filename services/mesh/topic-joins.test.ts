import { describe, expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { FakeNetwork } from "./fixtures/fake-links.ts";
import { eventOn, metricOf, RouterCluster } from "./fixtures/router-cluster.ts";
import { unlistedInterestMs } from "./interest-table.ts";
import { leaveDelayMs } from "./join-plan.ts";
import { rankOwners } from "./rendezvous.ts";
import { joinMsMax } from "./router.ts";

/** A leave is said at most this late, in milliseconds. */
const leaveMsMax = leaveDelayMs + 1_000;

async function startCluster(...nodeIds: readonly string[]) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const cluster = new RouterCluster(clock, (listener) => network.links(listener));
  for (const nodeId of nodeIds) cluster.start(nodeId);
  cluster.list();
  await clock.settle();
  return { clock, network, cluster, node: (nodeId: string) => cluster.node(nodeId) };
}

const topics = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `conv/${from + index}`);

const owned = (all: readonly string[], nodeId: string, nodeIds: readonly string[]): string[] =>
  all.filter((topic) => rankOwners(topic, nodeIds)[0] === nodeId);

const sorted = (values: Iterable<string>): string[] => [...values].sort();

describe("joins", () => {
  test("of one turn travel together, to each owner its topics, a thousand at a time", async () => {
    const { cluster, network, node } = await startCluster("n1", "n2", "n3");
    const wanted = topics(4_500);
    for (const topic of wanted) node("n1").listen(topic);
    await cluster.joined();
    for (const owner of ["n2", "n3"]) {
      const expected = owned(wanted, owner, ["n1", "n2", "n3"]);
      expect(sorted(node(owner).router.interestOf("n1"))).toEqual(sorted(expected));
      const sizes = network.log
        .filter(({ to, kind }) => to === owner && kind === "join")
        .map((item) => item.topics);
      expect(sizes).toEqual([1_000, expected.length - 1_000]);
    }
    expect(await metricOf(node("n1"), "mesh_topics_joined")).toBe(
      wanted.length - owned(wanted, "n1", ["n1", "n2", "n3"]).length,
    );
  });

  test("are made for the first listener of a topic and left after the last, a while later", async () => {
    const { clock, cluster, node } = await startCluster("n1", "n2");
    const [topic = ""] = owned(topics(20), "n2", ["n1", "n2"]);
    const leaves = [node("n1").listen(topic), node("n1").listen(topic)];
    await cluster.joined();
    leaves[0]?.();
    await clock.advance(leaveMsMax);
    expect([...node("n2").router.interestOf("n1")]).toEqual([topic]);
    leaves[1]?.();
    await clock.advance(leaveDelayMs - 1);
    expect([...node("n2").router.interestOf("n1")]).toEqual([topic]);
    await clock.advance(leaveMsMax);
    expect([...node("n2").router.interestOf("n1")]).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("survive a listener that is away for less than the while, without a word", async () => {
    const { clock, cluster, network, node } = await startCluster("n1", "n2");
    const [topic = ""] = owned(topics(20), "n2", ["n1", "n2"]);
    for (let round = 0; round < 5; round += 1) {
      const leave = node("n1").listen(topic);
      await cluster.joined();
      leave();
      await clock.advance(leaveDelayMs - 1);
    }
    expect(network.log.filter(({ kind }) => kind !== "event")).toHaveLength(1);
  });

  test("are made again after the link to the owner was reset", async () => {
    const { clock, network, node } = await startCluster("n1", "n2");
    const wanted = topics(3_000);
    for (const topic of wanted) node("n1").listen(topic);
    await clock.settle();
    network.reset("n1", "n2");
    await clock.settle();
    expect(sorted(node("n2").router.interestOf("n1"))).toEqual(sorted(owned(wanted, "n2", ["n1", "n2"])));
  });

  test("go out four bulks at a time while the other side does not acknowledge them", async () => {
    const { clock, network, node } = await startCluster("n1", "n2");
    network.cut("n1", "n2");
    await clock.settle();
    // Both directions are suspected then, and everything is joined at n2 all the same.
    for (const topic of topics(20_000)) node("n1").listen(topic);
    await clock.settle();
    const waiting = node("n1").mesh.links.status()[0]?.unacknowledged;
    expect(waiting).toBe(4);
    network.heal("n1", "n2");
    await clock.settle();
    const expected = owned(topics(20_000), "n2", ["n1", "n2"]);
    expect(sorted(node("n2").router.interestOf("n1"))).toEqual(sorted(expected));
  });
});

describe("waiting for joins", () => {
  test("ends when the owners have them, in turns and without time", async () => {
    const { clock, node } = await startCluster("n1", "n2");
    for (const topic of topics(10_000)) node("n1").listen(topic);
    let interest = 0;
    void node("n1")
      .router.joined()
      .then(() => (interest = node("n2").router.interestOf("n1").size));
    await clock.settle();
    expect(interest).toBe(owned(topics(10_000), "n2", ["n1", "n2"]).length);
    expect(clock.pendingTimers).toBe(0);
  });

  test("does not wait for joins that were made after it began", async () => {
    const { clock, network, node } = await startCluster("n1", "n2");
    const [first = "", second = ""] = owned(topics(20), "n2", ["n1", "n2"]);
    const ends: string[] = [];
    node("n1").listen(first);
    void node("n1")
      .router.joined()
      .then(() => ends.push("first"));
    await clock.settle();
    network.cut("n1", "n2");
    node("n1").listen(second);
    expect(ends).toEqual(["first"]);
  });

  test("waits through a reset, until everything was joined again", async () => {
    const { clock, network, node } = await startCluster("n1", "n2");
    for (const topic of topics(10_000)) node("n1").listen(topic);
    let interest = -1;
    void node("n1")
      .router.joined()
      .then(() => (interest = node("n2").router.interestOf("n1").size));
    network.reset("n1", "n2");
    await clock.settle();
    expect(interest).toBe(owned(topics(10_000), "n2", ["n1", "n2"]).length);
  });

  test("gives up after its limit, and does not wait for suspected nodes at all", async () => {
    const { clock, network, node, cluster } = await startCluster("n1", "n2");
    const [first = "", second = ""] = owned(topics(20), "n2", ["n1", "n2"]);
    const ends: string[] = [];
    const waitAs = (name: string): void => {
      void node("n1")
        .router.joined()
        .then(() => ends.push(name));
    };
    cluster.start("n3");
    network.cut("n1", "n3");
    cluster.list();
    const [third = ""] = owned(topics(50), "n3", ["n1", "n2", "n3"]);
    node("n1").listen(third);
    waitAs("for a link that opens");
    await clock.advance(joinMsMax - 1);
    expect(ends).toEqual([]);
    await clock.advance(1);
    expect(ends).toEqual(["for a link that opens"]);
    waitAs("for a suspected link");
    await clock.settle();
    expect(ends).toEqual(["for a link that opens", "for a suspected link"]);
    node("n1").listen(first);
    await node("n1").router.stop();
    node("n1").listen(second);
    waitAs("when stopped");
    await clock.settle();
    expect(ends).toHaveLength(3);
  });
});

describe("when the list changes", () => {
  test("topics are joined at their new owner at once and left at the old one a while later", async () => {
    const { clock, cluster, node } = await startCluster("n1", "n2");
    const wanted = topics(500);
    for (const topic of wanted) node("n1").listen(topic);
    await clock.settle();
    cluster.start("n3");
    cluster.list();
    await clock.settle();
    const all = ["n1", "n2", "n3"];
    expect(sorted(node("n3").router.interestOf("n1"))).toEqual(sorted(owned(wanted, "n3", all)));
    expect(sorted(node("n2").router.interestOf("n1"))).toEqual(sorted(owned(wanted, "n2", ["n1", "n2"])));
    await clock.advance(leaveMsMax);
    expect(sorted(node("n2").router.interestOf("n1"))).toEqual(sorted(owned(wanted, "n2", all)));
  });

  test("the topics of a node that left are joined at their heirs", async () => {
    const { clock, cluster, node } = await startCluster("n1", "n2", "n3");
    const wanted = topics(500);
    for (const topic of wanted) node("n1").listen(topic);
    await clock.settle();
    await node("n3").mesh.stop();
    cluster.list([node("n1").record, node("n2").record]);
    await clock.settle();
    expect(sorted(node("n2").router.interestOf("n1"))).toEqual(sorted(owned(wanted, "n2", ["n1", "n2"])));
    expect(await metricOf(node("n1"), "mesh_topics_joined")).toBe(node("n2").router.interestOf("n1").size);
    expect(node("n1").router.joinsAt("n3").size).toBe(0);
  });

  test("the interest of a node that is missing for a moment is kept, and that of one that is gone ends", async () => {
    const { clock, cluster, node } = await startCluster("n1", "n2");
    const [topic = ""] = owned(topics(20), "n2", ["n1", "n2"]);
    node("n1").listen(topic);
    await cluster.joined();
    node("n2").membership.list([node("n2").record]);
    await clock.advance(unlistedInterestMs - 1);
    node("n2").router.publish(eventOn(topic, 1n));
    expect(await metricOf(node("n2"), "mesh_fanout_nodes_sum")).toBe(0);
    node("n2").membership.list([node("n1").record, node("n2").record]);
    await clock.advance(unlistedInterestMs);
    node("n2").router.publish(eventOn(topic, 2n));
    await clock.settle();
    expect(node("n1").heard).toEqual([`${topic} 2`]);
    node("n2").membership.list([node("n2").record]);
    await clock.advance(unlistedInterestMs);
    expect(node("n2").router.interestOf("n1").size).toBe(0);
  });

  test("a hundred thousand topics find their new owners in slices between which others have their turn", async () => {
    const { clock, cluster, node } = await startCluster("n1", "n2");
    const wanted = topics(100_000);
    for (const topic of wanted) node("n1").listen(topic);
    await clock.settle();
    cluster.start("n3");
    cluster.list();
    await clock.settle();
    expect(node("n3").router.interestOf("n1").size).toBe(owned(wanted, "n3", ["n1", "n2", "n3"]).length);
    const asked = node("n1").router.topicsOwned();
    await clock.settle();
    expect([asked, node("n1").router.topicsOwned()]).toEqual([
      0,
      owned(wanted, "n1", ["n1", "n2", "n3"]).length,
    ]);
  });
});
