import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ClientFrameSchema, OpenSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import type { AttachedSession } from "./attached-session.ts";
import { createFeeds } from "./feeds.ts";
import { accountId, FeedWorld, groupId, message } from "./fixtures/feed-world.ts";
import { SessionWorld } from "./fixtures/session-world.ts";
import { TestOutlet } from "./fixtures/test-outlet.ts";
import { createResumeTickets } from "./resume-ticket.ts";
import { SessionRegistry } from "./session-registry.ts";

const alice = accountId(1);
const group = groupId(1);

/** A session on the real feeds, over a store and a router that a test drives. */
async function attach(
  window: number,
): Promise<{ world: FeedWorld; outlet: TestOutlet; session: AttachedSession }> {
  const world = new FeedWorld();
  const value = { name: "group", memberIds: [accountId(0), alice] };
  world.say(group, { case: "groupCreated", value });
  for (let count = 0; count < 20; count += 1) world.say(group);
  world.apply(group);
  const scripted = new SessionWorld(world.clock);
  const feeds = createFeeds(world.deps);
  const registry = new SessionRegistry({
    parts: { ...scripted.parts, feeds: feeds.feedFor },
    nodeId: "a",
    roles: ["session"],
    router: scripted.router,
    generations: { raise: () => Promise.resolve(1n) },
    tickets: createResumeTickets(new Uint8Array(32)),
    metrics: silentMetrics,
  });
  const outlet = new TestOutlet();
  const caller = { accountId: alice, deviceId: "a1", tokenId: "t", tokenExpireMs: 1e15 };
  const positions = { positions: [{ conversationId: group, epoch: 1n, seq: 5n }], last: true };
  const session = await registry.arrive(caller).open(create(OpenSchema, { window, positions }), outlet);
  await world.clock.settle();
  return { world, outlet, session };
}
const ack = (value: bigint) => create(ClientFrameSchema, { kind: { case: "ack", value } });
const seqs = (outlet: TestOutlet): number[] =>
  outlet.events.map((event) => Number.parseInt(event.split(":")[1] ?? "", 10));

test("on the real feed a device gets what it missed, window by window, then what happens, then caught_up once", async () => {
  const { world, outlet, session } = await attach(6);
  expect(seqs(outlet)).toEqual([6, 7, 8, 9, 10, 11]);
  for (const id of [6n, 12n]) {
    session.take(ack(id));
    await world.clock.advance(100);
  }
  world.say(group, message("live"));
  await world.clock.advance(100);
  expect(seqs(outlet)).toEqual(Array.from({ length: 17 }, (_, index) => index + 6));
  expect(outlet.controls("caughtUp")).toEqual([true]);
  await world.clock.advance(11_000);
  expect(outlet.events.slice(17)).toEqual(["18:18!", "19:19!", "20:20!", "21:21!", "22:22!"]);
  session.take(ack(22n));
  session.lose();
});
