import { createConnectTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { CloseAction, CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { seededRng } from "../testkit/seeded-rng.ts";
import { type StreamScript, startSessionNode } from "./fixtures/session-node.ts";
import type { HeldPositions } from "./held-positions.ts";
import { tail } from "./tail.ts";

const opened = { case: "opened", value: {} } as const;
const superseded: StreamScript = {
  controls: [
    opened,
    {
      case: "closed",
      value: { reason: CloseReason.SUPERSEDED, action: CloseAction.STAY_CLOSED, message: "another one" },
    },
  ],
  ending: "end",
};
const unanswered: StreamScript = { controls: [], ending: "break" };
const refused: StreamScript = { controls: [], ending: "refusal" };
const lost: StreamScript = { controls: [opened], ending: "end" };

const tokens = { accessToken: "a", accessExpireMs: 0, refreshToken: "r" };

/** Tails until it ends by itself; answers how often and how it attached, and why it ended. */
async function tailBy(scripts: readonly StreamScript[], ordinal = 0n) {
  await using node = await startSessionNode(scripts);
  const connectionAt = (server: string) => ({
    profile: { handle: "bob", server, accountId: "b", deviceId: "d", ...tokens },
    transport: createConnectTransport({ baseUrl: server, httpVersion: "1.1" }),
    accessToken: async () => "token",
    server,
    at: connectionAt,
  });
  const positions = new Map<string, { epoch: bigint; seq: bigint }>();
  const saved: bigint[] = [];
  const held: HeldPositions = {
    positions,
    resumeTicket: "",
    ordinal,
    get: (id) => positions.get(id),
    set: (id, position) => void positions.set(id, position),
    save: async () => void saved.push(held.ordinal),
  };
  const ended = tail({
    connection: connectionAt(node.url),
    held,
    clock: systemClock(),
    // No pauses between attaches.
    rng: { ...seededRng(1), fraction: () => 0 },
    signal: AbortSignal.timeout(10_000),
    onEntry: async () => undefined,
    onNotice: () => undefined,
  });
  const why = await ended.then(() => "the test ended it", String);
  return { attaches: node.attaches, ordinals: node.ordinals, saved, why };
}

test("a tail that is superseded stays closed", async () => {
  expect(await tailBy([superseded])).toMatchObject({
    attaches: 1,
    why: expect.stringMatching("another one"),
  });
});

test("a stream that was lost, refused or never answered is opened again, with a higher ordinal each time", async () => {
  const { attaches, ordinals } = await tailBy([lost, refused, unanswered, lost, superseded]);
  expect(attaches).toBe(5);
  expect(ordinals.length).toBeGreaterThanOrEqual(2);
  expect(ordinals.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(ordinals);
  expect(new Set(ordinals).size).toBe(ordinals.length);
});

test("ordinals go on from what the device remembers, though the clock was set back", async () => {
  const remembered = BigInt(Date.now()) + 1_000_000n;
  const { ordinals, saved } = await tailBy([lost, superseded], remembered);
  expect(ordinals).toEqual([remembered + 1n, remembered + 2n]);
  // Written down before they are used, so that no end of the process makes it forget one.
  expect(saved).toEqual(ordinals);
});
