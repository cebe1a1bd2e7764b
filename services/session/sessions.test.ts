import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { ClientFrameSchema, OpenSchema } from "../../gen/parley/session/v1/session_pb.ts";
import type { Metrics } from "../kernel/metrics.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { LinkedNodes } from "./fixtures/linked-nodes.ts";
import { entryEvent } from "./fixtures/scripted-feed.ts";
import { SessionWorld } from "./fixtures/session-world.ts";
import { TestOutlet } from "./fixtures/test-outlet.ts";
import { createSessions } from "./sessions.ts";

/** Counts by `name` or `name{label}`, and gauges by name. */
class CountingMetrics implements Metrics {
  readonly counts: Record<string, number> = {};
  readonly gauges: Record<string, () => number> = {};

  counter = (name: string) => ({
    add: (amount = 1, labels: Readonly<Record<string, string>> = {}) => {
      const key = [name, ...Object.values(labels)].join(" ");
      this.counts[key] = (this.counts[key] ?? 0) + amount;
    },
  });
  gauge = () => ({ set: () => undefined });
  observedGauge = (name: string, _: string, read: () => number) => void (this.gauges[name] = read);
  histogram = () => ({ observe: () => undefined });
}

test("a node's sessions are composed from its parts, and measured", async () => {
  const clock = new FakeClock();
  const world = new SessionWorld(clock);
  const metrics = new CountingMetrics();
  const keys: string[] = [];
  const { registry, pushMethods } = await createSessions({
    ...world.parts,
    metrics,
    generations: { raise: () => Promise.resolve(1n) },
    secretKeys: {
      readOrCreate: (name, candidate) => {
        keys.push(name);
        return Promise.resolve(candidate);
      },
    },
    nodeId: "a",
    roles: ["session"],
    router: world.router,
    mesh: new LinkedNodes().node("a"),
    addresses: () => ["http://127.0.0.1:7080"],
  });
  expect(keys).toEqual(["resume-ticket"]);
  expect(pushMethods.map(({ name }) => name)).toEqual(["Attach", "Receive"]);

  const outlet = new TestOutlet();
  const caller = { accountId: "alice", deviceId: "a1", tokenId: "t", tokenExpireMs: 1e15 };
  const session = await registry.arrive(caller).open(create(OpenSchema), outlet);
  await clock.settle();
  world.feeds.last.offer(entryEvent("c", 1n), entryEvent("c", 2n));
  session.take(create(ClientFrameSchema, { kind: { case: "send", value: {} } }));
  await clock.settle();
  const gauges = () =>
    Object.fromEntries(Object.entries(metrics.gauges).map(([name, read]) => [name, read()]));
  expect(gauges()).toEqual({ session_attached: 1, session_opening: 0, session_unacknowledged: 2 });
  session.close(CloseReason.OVERLOADED);
  expect(gauges()).toEqual({ session_attached: 0, session_opening: 0, session_unacknowledged: 0 });
  expect(metrics.counts).toMatchObject({
    "session_opens_total opened": 1,
    "session_closes_total overloaded": 1,
    session_events_sent_total: 2,
    session_frames_sent_total: outlet.frames.length,
    "session_sends_total invalid_field": 1,
  });
  expect(metrics.counts["session_bytes_sent_total"]).toBeGreaterThan(100);
});
