import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { EventClass, LinkHelloSchema, LinkRefusalReason } from "../../gen/parley/mesh/v1/link_pb.ts";
import { EarlierPeer } from "./fixtures/earlier-peer.ts";
import { LinkStage } from "./fixtures/link-stage.ts";
import { introduce, range, utf8 } from "./fixtures/linked-node.ts";
import { nodeRecord } from "./fixtures/node-records.ts";
import { judgeHello } from "./link-greeting.ts";
import { commonProtocol, linkProtocol, type ProtocolRange } from "./link-protocol.ts";

const now = linkProtocol.max;
/** Of the version that comes after this one: it still knows this one's protocol. */
const next: ProtocolRange = { min: now, max: now + 1 };
const far: ProtocolRange = { min: now + 2, max: now + 3 };

test("the protocol of two nodes is the highest that both know", () => {
  expect(commonProtocol({ min: 1, max: 3 }, { min: 2, max: 5 })).toBe(3);
  expect(commonProtocol({ min: 2, max: 5 }, { min: 1, max: 3 })).toBe(3);
  expect(commonProtocol({ min: 1, max: 1 }, { min: 1, max: 1 })).toBe(1);
  expect(commonProtocol({ min: 1, max: 2 }, { min: 3, max: 4 })).toBeUndefined();
});

test("a peer of one version earlier opens a link, and is understood and answered", async () => {
  await using stage = new LinkStage();
  const node = await stage.node("n1", { protocol: next });
  const transport = stage.switchboard.transport("old:7081");
  const peer = new EarlierPeer("old", { transport, protocol: linkProtocol });
  const say = peer.open(node.record);
  await stage.clock.settle();
  expect(peer.responses[0]?.welcome).toMatchObject({ protocol: now, received: 0n });
  const event = { topic: "conv/g-1", class: EventClass.DURABLE, conversationId: "g-1" };
  say({
    firstItemSeq: 1n,
    items: range(1, 3).map((seq) => ({ kind: { case: "event", value: { ...event, seq: BigInt(seq) } } })),
    calls: [{ id: 7n, name: "echo", body: utf8("hello"), timeoutMs: 1_000 }],
    ping: 4n,
  });
  await stage.clock.settle();
  expect(node.seqs()).toEqual([1, 2, 3]);
  expect(node.news).toEqual(["in old"]);
  const last = peer.responses.slice(1);
  expect(last.some(({ ack }) => ack === 3n)).toBe(true);
  expect(last.some(({ pong }) => pong === 4n)).toBe(true);
  const results = last.flatMap((response) => response.results);
  expect(results).toMatchObject([{ id: 7n, outcome: { case: "body", value: utf8("hello") } }]);
});

test("a link to a peer of one version earlier works in its protocol", async () => {
  await using stage = new LinkStage();
  const node = await stage.node("n1", { protocol: next });
  const transport = stage.switchboard.transport("old:7081");
  const peer = new EarlierPeer("old", { transport, protocol: linkProtocol });
  await peer.listen();
  node.links.keep([node.record, peer.record]);
  await stage.clock.advance(1_500);
  node.sendSeqs("old", range(1, 100));
  const call = node.call("old", "hello");
  await stage.clock.settle();
  expect(peer.agreed).toEqual([now]);
  expect(await call).toEqual({ kind: "answered", body: utf8("hello") });
  expect(peer.requests.flatMap(({ items }) => items)).toHaveLength(100);
  expect(node.links.status()[0]).toMatchObject({ state: "up", unacknowledged: 0 });
});

test("nodes without a common protocol refuse one another, say why by name, and wait 30 s", async () => {
  await using stage = new LinkStage();
  const one = await stage.node("one", { protocol: linkProtocol });
  const other = await stage.node("other", { protocol: far });
  introduce(one, other);
  await stage.clock.advance(20_000);
  const reason =
    `node one of version 0.0.0 speaks link protocol ${now}, ` +
    `node other of version 0.0.0 speaks ${far.min} to ${far.max}: ` +
    "upgrade in steps, so that neighbours have one in common";
  expect(one.links.status()[0]).toMatchObject({ state: "refused", reason });
  expect(one.log).toContain(`warn another node refuses the link ${reason}`);
  expect(other.log).toContain(`warn a link of another node is refused ${reason}`);
  expect(await one.measured('link_refusals_total{by="other",reason="protocol"}')).toBe(1);
  expect(await other.measured('link_refusals_total{by="self",reason="protocol"}')).toBe(1);
  expect(one.news).toEqual([]);
  await stage.clock.advance(10_100);
  expect(await one.measured('link_refusals_total{by="other",reason="protocol"}')).toBe(2);
});

test("a refused node that comes back with another version is tried at once", async () => {
  await using stage = new LinkStage();
  const one = await stage.node("one", { protocol: linkProtocol });
  const other = await stage.node("other", { protocol: far });
  introduce(one, other);
  await stage.clock.advance(1_000);
  await other.links.stop();
  const upgraded = await stage.node("other", { protocol: next, incarnation: "other-2" });
  introduce(one, upgraded);
  await stage.clock.advance(100);
  expect(one.links.isUp("other")).toBe(true);
});

test("a welcome with a protocol that this node does not speak is no welcome", async () => {
  await using stage = new LinkStage();
  const node = await stage.node("n1", { protocol: far });
  const transport = stage.switchboard.transport("old:7081");
  const peer = new EarlierPeer("old", { transport, protocol: linkProtocol });
  await peer.listen();
  node.links.keep([node.record, peer.record]);
  await stage.clock.advance(100);
  expect(node.links.status()[0]?.reason).toContain("it welcomes with protocol 0");
});

test.each([
  ["a second welcome", { welcome: { protocol: now } }, "a second welcome came"],
  ["an acknowledgement of what was not sent", { ack: 9n }, "item 9 was acknowledged"],
])("a link whose other side says %s is opened anew", async (_what, wrong, reason) => {
  await using stage = new LinkStage();
  const node = await stage.node("n1");
  const transport = stage.switchboard.transport("old:7081");
  const peer = new EarlierPeer("old", { transport, protocol: linkProtocol });
  await peer.listen();
  node.links.keep([node.record, peer.record]);
  await stage.clock.advance(100);
  peer.say(wrong);
  await stage.clock.settle();
  expect(node.links.status()[0]).toMatchObject({
    state: "connecting",
    reason: expect.stringContaining(reason),
  });
  await stage.clock.advance(3_000);
  expect(node.links.isUp("old")).toBe(true);
});

test("a hello is refused when it is for somebody else, or says too little", () => {
  const self = nodeRecord("n1");
  const fields = { nodeId: "n2", incarnation: "n2-1", toNodeId: "n1", toIncarnation: "n1-1", epoch: 1n };
  const hello = create(LinkHelloSchema, { ...fields, protocolMin: 1, protocolMax: 1 });
  const judge = (changes: Partial<typeof hello>, node = self) => judgeHello({ ...hello, ...changes }, node);
  expect(judge({})).toBe(1);
  expect(judgeHello(hello, undefined)).toMatchObject({ reason: LinkRefusalReason.WRONG_NODE });
  expect(judge({ toNodeId: "n3" })).toMatchObject({ reason: LinkRefusalReason.WRONG_NODE });
  expect(judge({ toIncarnation: "n1-0" })).toMatchObject({ reason: LinkRefusalReason.WRONG_NODE });
  for (const wrong of [
    { nodeId: "" },
    { nodeId: "x".repeat(65) },
    { incarnation: "" },
    { incarnation: "x".repeat(65) },
    { epoch: 0n },
  ]) {
    expect(judge(wrong)).toMatchObject({ reason: LinkRefusalReason.MALFORMED });
  }
});

test("a stream whose frames break the rules is ended", async () => {
  await using stage = new LinkStage();
  const node = await stage.node("n1");
  const transport = stage.switchboard.transport("old:7081");
  const peer = new EarlierPeer("old", { transport, protocol: linkProtocol });
  const item = { kind: { case: "join" as const, value: { topics: ["conv/1"] } } };
  for (const wrong of [
    { items: [item] },
    { firstItemSeq: 2n, items: [item] },
    { hello: { nodeId: "old" } },
  ]) {
    const say = peer.open(node.record);
    await stage.clock.settle();
    say(wrong);
    await stage.clock.settle();
    say({ ping: 1n });
    await stage.clock.settle();
  }
  expect(peer.responses.map(({ pong }) => pong)).toEqual([0n, 0n, 0n]);
  expect(node.items).toEqual([]);
});

test("a first frame without a hello is refused as malformed", async () => {
  await using stage = new LinkStage();
  await stage.node("n1");
  const transport = stage.switchboard.transport("old:7081");
  const frames: Uint8Array[] = [];
  const stream = transport.dial("n1:7081", "n1");
  stream.listen({
    onFrame: (frame) => void frames.push(frame),
    onDrain: () => undefined,
    onClosed: () => undefined,
  });
  stream.write(new Uint8Array());
  await stage.clock.settle();
  expect(Buffer.from(frames[0] ?? []).toString()).toContain("the first frame of the link holds no hello");
});
