import { describe, expect, test } from "vitest";
import type { TopicEvent, TopicListener } from "../mesh/router.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { DeviceNotices, type LocalDevice } from "./device-notices.ts";

const limits = { devicesMax: 3, silenceMsMax: 60_000 };

/** Nodes that hear one another, unless they are cut off. */
class Hub {
  readonly clock = new FakeClock();
  readonly nodes: Node[] = [];
  readonly cut = new Set<string>();
  said = 0;

  node(nodeId: string): Node {
    const node = new Node(this, nodeId);
    this.nodes.push(node);
    return node;
  }
}

class Node {
  readonly notices: DeviceNotices;
  readonly listeners = new Map<string, TopicListener>();
  devices: LocalDevice[] = [];
  readonly ended: string[] = [];

  constructor(hub: Hub, nodeId: string) {
    const publish = (event: TopicEvent): void => {
      hub.said += 1;
      const isHeard = (node: Node): boolean => node === this || !hub.cut.has(nodeId);
      for (const node of hub.nodes)
        void hub.clock.nextTurn(() => (isHeard(node) ? node.listeners.get(event.topic)?.(event) : undefined));
    };
    this.notices = new DeviceNotices({
      nodeId,
      router: {
        publish,
        join: (topic, listener) => {
          this.listeners.set(topic, listener);
          return () => void this.listeners.delete(topic);
        },
        joined: () => Promise.resolve(),
      },
      clock: hub.clock,
      limits,
      devicesOf: (accountId) => this.devices.filter((device) => device.accountId === accountId),
      onSuperseded: (device) => this.end(device, "superseded"),
      onSurplus: (device) => this.end(device, "surplus"),
    });
  }

  attach(deviceId: string, generation: bigint, attachedMs: number, ordinal = 0n): LocalDevice {
    const sessionId = `${deviceId} ${generation}`;
    const device = { sessionId, accountId: "alice", deviceId, generation, ordinal, attachedMs };
    this.devices.push(device);
    this.notices.attached(device);
    return device;
  }

  end(device: LocalDevice, why: string): void {
    this.devices = this.devices.filter((one) => one !== device);
    this.ended.push(`${device.deviceId} ${device.generation} ${why}`);
    this.notices.detached(device);
  }
}

describe("nodes that tell one another of their devices", () => {
  test("leave a device the stream that it opened last, on whichever node", async () => {
    const hub = new Hub();
    const [a, b] = [hub.node("a"), hub.node("b")];
    a.attach("phone", 1n, 10);
    await hub.clock.settle();
    b.attach("phone", 2n, 20);
    await hub.clock.settle();
    expect([a.ended, b.ended]).toEqual([["phone 1 superseded"], []]);
  });

  test("do so also when both streams were opened at the same moment, or the older one is heard of last", async () => {
    const hub = new Hub();
    const [a, b] = [hub.node("a"), hub.node("b")];
    b.attach("phone", 2n, 20);
    a.attach("phone", 1n, 10);
    await hub.clock.settle();
    expect([a.ended, b.ended]).toEqual([["phone 1 superseded"], []]);
  });

  test("end an attach that the device had given up, and that came late, and leave the stream that it has", async () => {
    const hub = new Hub();
    const [a, b] = [hub.node("a"), hub.node("b")];
    a.attach("phone", 1n, 10, 8n);
    await hub.clock.settle();
    b.attach("phone", 2n, 20, 7n);
    await hub.clock.settle();
    expect([a.ended, b.ended]).toEqual([[], ["phone 2 superseded"]]);
  });

  test("leave an account the devices that attached last, wherever they are", async () => {
    const hub = new Hub();
    const [a, b, c] = [hub.node("a"), hub.node("b"), hub.node("c")];
    a.attach("one", 1n, 10);
    a.attach("two", 1n, 20);
    await hub.clock.settle();
    b.attach("three", 1n, 30);
    await hub.clock.settle();
    c.attach("four", 1n, 40);
    await hub.clock.settle();
    b.attach("five", 1n, 50);
    await hub.clock.settle();
    expect([a.ended, b.ended, c.ended]).toEqual([["one 1 surplus", "two 1 surplus"], [], []]);
  });

  test("say again with each heartbeat what was not heard", async () => {
    const hub = new Hub();
    const [a, b] = [hub.node("a"), hub.node("b")];
    a.attach("phone", 1n, 10);
    await hub.clock.settle();
    hub.cut.add("b");
    const device = b.attach("phone", 2n, 20);
    await hub.clock.settle();
    expect(a.ended).toEqual([]);
    hub.cut.delete("b");
    b.notices.repeat(device);
    await hub.clock.settle();
    expect(a.ended).toEqual(["phone 1 superseded"]);
  });

  test("listen for an account as long as it has a device here, and say nothing of one that has gone", async () => {
    const hub = new Hub();
    const a = hub.node("a");
    const device = a.attach("phone", 1n, 10);
    a.end(device, "gone");
    expect(a.listeners.size).toBe(0);
    const { said } = hub;
    a.notices.repeat(device);
    await hub.clock.settle();
    expect(hub.said).toBe(said);
  });
});
