import { expect, test } from "vitest";
import { Suspicion } from "./suspicion.ts";

const limits = { pongLateMs: 2_000, pongMsMax: 10_000, ownLagMsMax: 500 };

test("a pong in time keeps the other side trusted and tells the round trip", () => {
  const suspicion = new Suspicion(limits);
  expect(suspicion.nextPing(100)).toBe(1);
  expect(suspicion.nextPing(1_100)).toBeUndefined();
  suspicion.heard(1, 1_600);
  expect(suspicion.roundTripMs).toBe(1_500);
  expect(suspicion.look(9_000, 0)).toBe("trusted");
  expect(suspicion.nextPing(9_000)).toBe(2);
});

test("a pong that is 2 s late makes it suspected until it comes, and one of 10 s makes it dead", () => {
  const suspicion = new Suspicion(limits);
  suspicion.nextPing(0);
  expect(suspicion.look(1_999, 0)).toBe("trusted");
  expect(suspicion.look(2_000, 0)).toBe("suspected");
  suspicion.heard(1, 2_500);
  expect(suspicion.verdict).toBe("trusted");
  suspicion.nextPing(3_000);
  expect(suspicion.look(12_999, 0)).toBe("suspected");
  expect(suspicion.look(13_000, 0)).toBe("dead");
});

test("a pong of another ping says nothing", () => {
  const suspicion = new Suspicion(limits);
  suspicion.nextPing(0);
  suspicion.heard(1, 10);
  suspicion.nextPing(1_000);
  suspicion.heard(1, 1_010);
  suspicion.heard(3, 1_010);
  expect(suspicion.look(3_000, 0)).toBe("suspected");
});

test("a node that stood still itself gives the other side its time again", () => {
  const suspicion = new Suspicion(limits);
  suspicion.nextPing(0);
  expect(suspicion.look(30_000, 29_000)).toBe("trusted");
  expect(suspicion.look(31_900, 500)).toBe("trusted");
  expect(suspicion.look(32_000, 500)).toBe("suspected");
});
