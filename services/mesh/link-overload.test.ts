import { expect, test } from "vitest";
import { LinkStage } from "./fixtures/link-stage.ts";
import { eventItem, type LinkedNode, range } from "./fixtures/linked-node.ts";
import { encodeItem } from "./link-codec.ts";

function sendHint(node: LinkedNode, seq: number, key: string): void {
  node.links.send("n2", encodeItem(eventItem(seq, { class: "ephemeral", key })));
}

test("more than a link keeps ends the epoch: both sides begin anew, and what comes later arrives", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair({ limits: { itemsUnacknowledgedMax: 10 } });
  stage.path("n1", "n2").stall();
  one.sendSeqs("n2", range(1, 10));
  const settling = one.links.settled("n2");
  one.sendSeqs("n2", [11]);
  await settling;
  expect(one.links.isUp("n2")).toBe(false);
  stage.path("n1", "n2").heal();
  await stage.clock.advance(3_500);
  one.sendSeqs("n2", [99]);
  await stage.clock.settle();
  expect(other.seqs()).toEqual([99]);
  expect(one.links.status()[0]).toMatchObject({ state: "up", epoch: 2n });
  expect(one.news.filter((line) => line === "out n2")).toHaveLength(2);
  expect(other.news.filter((line) => line === "in n1")).toHaveLength(2);
  expect(await one.measured('link_epochs_total{cause="overflow"}')).toBe(1);
});

test("while the link is down after an overflow nothing is kept", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair({ limits: { bytesUnacknowledgedMax: 10_000 } });
  stage.path("n1", "n2").stall();
  for (let round = 0; round < 10; round += 1) {
    for (const seq of range(1, 20)) {
      one.links.send("n2", encodeItem(eventItem(seq, { bytes: new Uint8Array(1_000) })));
      expect(one.links.status()[0]?.unacknowledged).toBeLessThanOrEqual(10);
    }
    await stage.clock.advance(1_000);
  }
  expect(one.links.status()[0]).toMatchObject({ epoch: 2n, unacknowledged: 0 });
  stage.path("n1", "n2").heal();
  await stage.clock.advance(5_000);
  expect(other.seqs()).toEqual([]);
  expect(one.links.isUp("n2")).toBe(true);
});

test("an item that can never be sent ends the epoch, too", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair({ limits: { bodyBytesMax: 5_000 } });
  one.links.send("n2", encodeItem(eventItem(1, { bytes: new Uint8Array(6_000) })));
  await stage.clock.advance(1_000);
  one.sendSeqs("n2", [2]);
  await stage.clock.settle();
  expect(other.seqs()).toEqual([2]);
  expect(one.links.status()[0]?.epoch).toBe(2n);
});

test("of hints of one key only the newest is sent", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  for (const seq of range(1, 5)) sendHint(one, seq, "typing");
  sendHint(one, 6, "other");
  await stage.clock.settle();
  expect(other.seqs()).toEqual([5, 6]);
  expect(one.links.status()[0]?.unacknowledged).toBe(0);
});

test("a node that does not read loses the oldest hints, and no item before the bound", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair({ limits: { hintsWaitingMax: 20 } });
  stage.path("n1", "n2").stall();
  one.sendSeqs("n2", [1]);
  await stage.clock.settle();
  for (const seq of range(1, 500)) sendHint(one, seq, `key ${seq}`);
  one.sendSeqs("n2", [2]);
  await stage.clock.advance(1_500);
  // The frame that filled the connection, and the pong of the other link.
  expect(stage.path("n1", "n2").framesHeld).toBe(2);
  stage.path("n1", "n2").heal();
  await stage.clock.settle();
  expect(other.seqs()).toEqual([1, 2, ...range(481, 500)]);
  expect(await one.measured("link_hints_dropped_total")).toBe(480);
});

test("hints are not kept for a link that is down", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  stage.path("n1", "n2").cut();
  stage.break("n1", "n2");
  await stage.clock.settle();
  sendHint(one, 1, "typing");
  stage.path("n1", "n2").heal();
  await stage.clock.advance(5_000);
  expect(one.links.isUp("n2")).toBe(true);
  expect(other.seqs()).toEqual([]);
  expect(await one.measured("link_hints_dropped_total")).toBe(1);
});

test("a full connection gathers items until it has room, and then sends them in full frames", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  stage.path("n1", "n2").stall();
  const before = await one.measured("link_frames_sent_total");
  for (const seq of range(1, 129)) {
    one.sendSeqs("n2", [seq]);
    await stage.clock.settle();
  }
  expect((await one.measured("link_frames_sent_total")) - before).toBe(1);
  stage.path("n1", "n2").heal();
  await stage.clock.settle();
  expect(other.seqs()).toEqual(range(1, 129));
  expect((await one.measured("link_frames_sent_total")) - before).toBe(3);
});
