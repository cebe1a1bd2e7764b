import { expect, test } from "vitest";
import { leaseMs } from "./coordinator.ts";
import { addressOf } from "./fixtures/link-stage.ts";
import { LinkedNetwork } from "./fixtures/linked-network.ts";
import { MemberStage } from "./fixtures/mesh-member.ts";
import { createRouterNode, eventOn, type RouterNode } from "./fixtures/router-cluster.ts";
import { listIntervalMs } from "./membership-limits.ts";
import { rankOwners } from "./rendezvous.ts";

const nodeIds = ["n1", "n2", "n3"];

/** A topic of a group with this order of owners. */
function topicOf(...order: readonly string[]): string {
  for (let index = 0; index < 10_000; index += 1) {
    if (rankOwners(`conv/${index}`, order).join() === order.join()) return `conv/${index}`;
  }
  throw new Error("no topic has this order");
}

async function startNodes(stage: MemberStage, network: LinkedNetwork) {
  const nodes = new Map<string, RouterNode>();
  const members = new Map<string, Awaited<ReturnType<MemberStage["started"]>>>();
  for (const nodeId of nodeIds) {
    const member = await stage.started(nodeId);
    member.membership.update({ meshAddress: addressOf(nodeId) });
    const createLinks = (listener: Parameters<typeof network.links>[0]) => network.links(listener, nodeId);
    const { membership } = member;
    nodes.set(nodeId, createRouterNode({ nodeId, membership, createLinks, clock: stage.clock }));
    members.set(nodeId, member);
  }
  await stage.clock.advance(1_000);
  const of = <T>(from: ReadonlyMap<string, T>, nodeId: string): T => {
    const found = from.get(nodeId);
    if (found === undefined) throw new Error(`there is no node ${nodeId}`);
    return found;
  };
  return { node: (nodeId: string) => of(nodes, nodeId), member: (nodeId: string) => of(members, nodeId) };
}

test("an owner that cannot renew is passed over by others, and serves again under its next incarnation", async () => {
  await using stage = new MemberStage();
  const network = new LinkedNetwork(stage.clock);
  const { node, member } = await startNodes(stage, network);
  const topic = topicOf("n2", "n3", "n1");
  const ask = async (): Promise<string> => {
    const expireMs = stage.clock.monotonicMs() + 8_000;
    const answer = node("n1").router.command(topic, { text: "append", expireMs });
    await stage.clock.advance(100);
    return answer;
  };
  node("n1").listen(topic);
  await stage.clock.advance(100);
  expect([await ask(), ...node("n2").router.interestOf("n1")]).toEqual(["n2 did append", topic]);
  const { incarnation } = member("n2").membership.self();

  member("n2").coordinator.fault = { kind: "away" };
  await stage.clock.advance(leaseMs + listIntervalMs * 1.2 + 1_000);
  expect(
    node("n1")
      .mesh.nodes()
      .map(({ nodeId }) => nodeId),
  ).toEqual(["n1", "n3"]);
  expect([await ask(), ...node("n3").router.interestOf("n1")]).toEqual(["n3 did append", topic]);

  member("n2").coordinator.fault = { kind: "none" };
  await stage.clock.advance(listIntervalMs);
  expect(member("n2").membership.self().incarnation).not.toBe(incarnation);
  expect([await ask(), ...node("n2").router.interestOf("n1")]).toEqual(["n2 did append", topic]);
  expect(node("n3").router.interestOf("n1").size).toBe(0);
  node("n2").router.publish(eventOn(topic, 7n));
  await stage.clock.advance(100);
  expect(node("n1").heard).toEqual([`${topic} 7`]);
  for (const nodeId of nodeIds) {
    await node(nodeId).router.stop();
    await node(nodeId).mesh.stop();
  }
});
