import { expect, test } from "vitest";
import { nodeRecord } from "./fixtures/node-records.ts";
import { loadWriteGapMs, OwnRecord } from "./own-record.ts";

function written(): OwnRecord {
  const own = new OwnRecord(nodeRecord("a"));
  own.noteWritten(own.record, 1_000);
  return own;
}

test("what was never written is due at once, what was written is not", () => {
  expect(new OwnRecord(nodeRecord("a")).dueMs(5_000)).toBe(5_000);
  expect(written().dueMs(5_000)).toBeUndefined();
});

test("a change is due at once, and one of the load alone a second after the last write", () => {
  const own = written();
  expect(own.change({ load: 0.5 })).toBe(true);
  expect(own.dueMs(1_300)).toBe(1_000 + loadWriteGapMs);
  expect(own.dueMs(2_500)).toBe(2_500);
  expect(own.change({ draining: true })).toBe(true);
  expect(own.dueMs(1_300)).toBe(1_300);
});

test("a change that is taken back, or lost in rounding, is none", () => {
  const own = written();
  own.change({ draining: true });
  own.change({ draining: false });
  expect(own.dueMs(1_300)).toBeUndefined();
  expect(own.change({ load: 0.004 })).toBe(false);
});

test("the load is kept between 0 and 1, in hundredths", () => {
  const own = written();
  for (const [load, kept] of [
    [0.126, 0.13],
    [7, 1],
    [-1, 0],
  ] as const) {
    own.change({ load });
    expect(own.record.load).toBe(kept);
  }
});

test("what others would refuse is refused here, and nothing changes", () => {
  const own = written();
  expect(() => own.change({ draining: true, protocolMax: 0 })).toThrow("protocolMin");
  expect(own.record).toEqual(nodeRecord("a"));
  expect(() => new OwnRecord(nodeRecord("No"))).toThrow("nodeId");
});

test("neither the node id nor the incarnation can be changed by the way", () => {
  const own = written();
  const smuggled = { ...nodeRecord("b", { incarnation: "i9" }), version: "2" };
  own.change(smuggled);
  expect(own.record).toEqual(nodeRecord("a", { version: "2" }));
  own.reincarnate("i2");
  expect(own.record.incarnation).toBe("i2");
});
