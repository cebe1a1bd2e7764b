import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { CloseReason, CloseReasonSchema } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { OpenSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { createMessageValidator } from "../rpc/message-validator.ts";
import { seededRng } from "../testkit/seeded-rng.ts";
import { callerOfDevice } from "../testkit/sim/caller-token.ts";
import { EdgeClient } from "../testkit/sim/edge-client.ts";
import { SimCluster } from "../testkit/sim/sim-cluster.ts";
import { SimHost } from "../testkit/sim/sim-host.ts";
import { createNodeCore } from "./node-core.ts";

const delay = { minMs: 0.2, maxMs: 2, tailRate: 0, tailMs: 0 };

async function startCluster(devicesPerAccountMax = 10): Promise<SimCluster> {
  const cluster = new SimCluster({
    rng: seededRng(7),
    nodes: 3,
    limits: { sessions: { devicesPerAccountMax } },
    network: { delay, streamBytesMax: 65_536, breakRate: 0 },
    store: {
      kind: "sqlite",
      delay,
      lateMsMax: 1,
      majorityLagMsMax: 0,
      appendFaultRate: 0,
      writeFaultRate: 0,
      readFaultRate: 0,
    },
    coordinator: { delay, expireLateMsMax: 0, replyLostRate: 0, hintLostRate: 0 },
    validateMessage: createMessageValidator(),
    createCore: createNodeCore,
  });
  for (const node of cluster.nodes) node.start();
  await cluster.scheduler.run(3_000);
  return cluster;
}

/** A device that attaches once and notes how its stream is closed. */
class OneStream {
  closed = "";
  /** Where the node said that it should go. */
  movedTo = "";
  closedMs = 0;

  constructor(
    cluster: SimCluster,
    place: { readonly node: number; readonly deviceId: string; readonly accountId: string },
  ) {
    const { scheduler, network, addresses } = cluster;
    const process = new SimHost(scheduler, `${place.deviceId}@${place.node}`, seededRng(place.node)).boot();
    const client = new EdgeClient(
      process,
      network.endpoint(process, 1),
      callerOfDevice(place.accountId, place.deviceId),
    );
    client.attach(addresses()[place.node] ?? "", create(OpenSchema), {
      onFrame: ({ control }) => {
        if (control.case === "moving") this.movedTo = control.value.address;
        if (control.case === "closed") this.closedMs = scheduler.nowMs;
        if (control.case === "closed")
          this.closed = CloseReasonSchema.value[control.value.reason]?.localName ?? "";
      },
      onEnd: () => (this.closed ||= "ended"),
    });
  }
}

const superseded = CloseReasonSchema.value[CloseReason.SUPERSEDED]?.localName;
const deviceLimit = CloseReasonSchema.value[CloseReason.DEVICE_LIMIT]?.localName;

test("a device that attaches to another node has its older stream ended within a second", async () => {
  const cluster = await startCluster();
  const accountId = await cluster.createAccount(1);
  const streams = [];
  for (const node of [0, 1, 2, 0]) {
    streams.push(new OneStream(cluster, { node, deviceId: "phone", accountId }));
    await cluster.scheduler.run(cluster.scheduler.nowMs + 1_000);
  }
  expect(streams.map(({ closed }) => closed)).toEqual([superseded, superseded, superseded, ""]);
});

test("an account with too many devices on several nodes loses those attached longest ago", async () => {
  const cluster = await startCluster(3);
  const accountId = await cluster.createAccount(1);
  const streams = [];
  for (const [index, node] of [0, 1, 2, 0, 1].entries()) {
    streams.push(new OneStream(cluster, { node, deviceId: `device${index}`, accountId }));
    await cluster.scheduler.run(cluster.scheduler.nowMs + 1_000);
  }
  expect(streams.map(({ closed }) => closed)).toEqual([deviceLimit, deviceLimit, "", "", ""]);
});

test("a node that drains tells its devices where to go, and ends their streams later, when they stayed", async () => {
  const cluster = await startCluster();
  const accountId = await cluster.createAccount(1);
  const streams = [0, 0, 1].map(
    (node, index) => new OneStream(cluster, { node, deviceId: `d${index}`, accountId }),
  );
  await cluster.scheduler.run(cluster.scheduler.nowMs + 1_000);
  const startMs = cluster.scheduler.nowMs;
  const [node] = cluster.nodes;
  void node?.stop();
  await cluster.scheduler.run(startMs + 6_000);
  const [one, other, elsewhere] = streams;
  expect(new Set([one?.movedTo, other?.movedTo])).toEqual(new Set(["http://n2:7080", "http://n3:7080"]));
  expect([one?.closed, other?.closed, elsewhere?.closed]).toEqual(["DRAINING", "DRAINING", ""]);
  expect((one?.closedMs ?? 0) - startMs).toBeGreaterThan(2_000);
});
