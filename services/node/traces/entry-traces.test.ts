import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { StepKind } from "../../../gen/parley/admin/v1/explanation_pb.ts";
import { TraceQuerySchema } from "../../../gen/parley/mesh/v1/trace_pb.ts";
import { silentMetrics } from "../../kernel/metrics.ts";
import { prometheusMetrics } from "../../kernel/prometheus-metrics.ts";
import type { TopicEvent } from "../../mesh/router.ts";
import { FakeClock } from "../../testkit/fake-clock.ts";
import { EntryTraces } from "./entry-traces.ts";

const entry = { conversationId: "c", seq: 3n };
const query = create(TraceQuerySchema, { ...entry, entryId: "e", accountId: "bob" });
const alice = { accountId: "alice", deviceId: "a1" };
const bob = { accountId: "bob", deviceId: "b1" };

function eventOn(topic: string): TopicEvent {
  return { ...entry, topic, class: "durable", bytes: new Uint8Array(), membership: false, key: "" };
}

function createTraces(): EntryTraces {
  return new EntryTraces({ clock: new FakeClock(), metrics: silentMetrics, stepsMax: 100 });
}

test("the steps of an entry towards one account are found, those towards others and of lost numbers are not", () => {
  const traces = createTraces();
  traces.accepted(entry, "lost", 1);
  traces.accepted(entry, "e", 2);
  traces.committed(entry, 3);
  traces.forwarded(eventOn("user/alice"), ["n9"], 4);
  traces.forwarded(eventOn("user/bob"), ["n1", "n2"], 5);
  traces.received(eventOn("user/alice"), "n9", 6);
  traces.received(eventOn("conv/c"), "n3", 7);
  traces.found(entry, 8);
  traces.repaired(entry, 9);
  traces.pushed(alice, { ...entry, redelivered: false }, 10);
  traces.pushed(bob, { ...entry, redelivered: false }, 11);
  traces.pushed(bob, { ...entry, redelivered: true }, 12);
  traces.acknowledged(alice, entry, 13);
  traces.acknowledged(bob, entry, 14);
  traces.acknowledged(bob, { ...entry, seq: 4n }, 15);
  const { records } = traces.find(query);
  expect(records.map(({ kind, timeMs, party }) => [kind, timeMs, party])).toEqual([
    [StepKind.ACCEPTED, 2, ""],
    [StepKind.COMMITTED, 3, ""],
    [StepKind.FORWARDED, 5, ["n1", "n2"]],
    [StepKind.RECEIVED, 7, "n3"],
    [StepKind.FOUND, 8, ""],
    [StepKind.REPAIRED, 9, ""],
    [StepKind.PUSHED, 11, "b1"],
    [StepKind.PUSHED_AGAIN, 12, "b1"],
    [StepKind.ACKNOWLEDGED, 14, "b1"],
  ]);
});

test("how far back it is complete is measured", async () => {
  const clock = new FakeClock();
  const metrics = prometheusMetrics();
  const traces = new EntryTraces({ clock, metrics, stepsMax: 1 });
  const reach = async (): Promise<string | undefined> =>
    /^parley_entry_trace_reach_seconds (.*)$/m.exec(await metrics.render())?.[1];
  await clock.advance(10_000);
  expect(await reach()).toBe("10");
  traces.committed(entry, clock.wallMs() - 4_000);
  traces.committed(entry, clock.wallMs());
  expect(await reach()).toBe("4");
  expect(traces.find(query).completeSinceMs).toBe(clock.wallMs() - 4_000);
});
