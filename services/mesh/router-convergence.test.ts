import fc from "fast-check";
import { expect, test } from "vitest";
import type { FakeClock } from "../testkit/fake-clock.ts";
import { FakeNetwork } from "./fixtures/fake-links.ts";
import { LinkedNetwork } from "./fixtures/linked-network.ts";
import {
  type BreakableNetwork,
  happening,
  happeningsMax,
  nodeIds,
  RandomTopology,
  topics,
} from "./fixtures/random-topology.ts";
import { eventOn } from "./fixtures/router-cluster.ts";
import { rankOwners } from "./rendezvous.ts";

/** What each owner has to know of the interest of another node, once everything is calm. */
function interestOf(stage: RandomTopology, owner: string, nodeId: string): string[] {
  return topics.filter(
    (topic) => stage.listeners(nodeId, topic) > 0 && rankOwners(topic, nodeIds)[0] === owner,
  );
}

function expectExactInterest(stage: RandomTopology): void {
  for (const [owner, { router }] of stage.cluster.nodes) {
    for (const nodeId of nodeIds.filter((id) => id !== owner)) {
      expect([...router.interestOf(nodeId)].sort()).toEqual(interestOf(stage, owner, nodeId));
    }
  }
}

/** An entry leaves from the first owner of its group, anything else from as far away as can be. */
async function expectEventsAtListeners(stage: RandomTopology): Promise<void> {
  for (const topic of topics) {
    const publisher = rankOwners(topic, nodeIds)[topic.startsWith("conv/") ? 0 : nodeIds.length - 1] ?? "";
    stage.cluster.node(publisher).router.publish(eventOn(topic));
    await stage.clock.advance(100);
    const heard = stage.cluster.takeHeard();
    for (const nodeId of nodeIds) {
      expect(heard[nodeId]).toEqual(Array(stage.listeners(nodeId, topic)).fill(`${topic} 1`));
    }
  }
}

test.each<[string, number, (clock: FakeClock) => BreakableNetwork]>([
  ["links that do as they are told", 300, (clock) => new FakeNetwork(clock)],
  ["real links", 100, (clock) => new LinkedNetwork(clock)],
  ["real links that overflow soon", 100, (clock) => new LinkedNetwork(clock, { itemsUnacknowledgedMax: 2 })],
])(
  "over %s, after any changes of lists, links and listeners, owners know exactly who listens",
  async (_, numRuns, createNetwork) => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: happeningsMax }), async (happenings) => {
        const stage = new RandomTopology(createNetwork);
        for (const each of happenings) await stage.happen(each);
        await stage.calm();
        expectExactInterest(stage);
        await expectEventsAtListeners(stage);
        await stage.stop();
        expect(stage.clock.pendingTimers).toBe(0);
      }),
      { numRuns },
    );
  },
);
