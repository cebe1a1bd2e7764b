import { createConnectTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { CloseAction, CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { seededRng } from "../testkit/seeded-rng.ts";
import { type StreamScript, startSessionNode } from "./fixtures/session-node.ts";
import { attachesGivenUpMax, tail } from "./tail.ts";

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

/** Tails until it ends by itself; answers how often it attached, and why it ended. */
async function tailBy(scripts: readonly StreamScript[]): Promise<{ attaches: number; why: string }> {
  await using node = await startSessionNode(scripts);
  const connectionAt = (server: string) => ({
    profile: { handle: "bob", server, accountId: "b", deviceId: "d", ...tokens },
    transport: createConnectTransport({ baseUrl: server, httpVersion: "1.1" }),
    accessToken: async () => "token",
    server,
    at: connectionAt,
  });
  const positions = new Map<string, { epoch: bigint; seq: bigint }>();
  const ended = tail({
    connection: connectionAt(node.url),
    held: {
      positions,
      resumeTicket: "",
      get: (id) => positions.get(id),
      set: (id, position) => void positions.set(id, position),
      save: async () => undefined,
    },
    clock: systemClock(),
    // No pauses between attaches.
    rng: { ...seededRng(1), fraction: () => 0 },
    signal: AbortSignal.timeout(10_000),
    onEntry: async () => undefined,
    onNotice: () => undefined,
  });
  const why = await ended.then(() => "the test ended it", String);
  return { attaches: node.attaches, why };
}

test("a tail that is superseded stays closed", async () => {
  expect(await tailBy([superseded])).toMatchObject({
    attaches: 1,
    why: expect.stringMatching("another one"),
  });
});

test("one that gave attaches up without an answer opens again after each of them, and then stays closed", async () => {
  const { attaches, why } = await tailBy([unanswered, unanswered, superseded]);
  expect([attaches, why]).toEqual([2 + 3, expect.stringMatching("another one")]);
});

test("a stream that was opened and then lost, and one that was refused, is none that was given up", async () => {
  const { attaches } = await tailBy([lost, refused, superseded]);
  expect(attaches).toBe(2 + 1);
});

test("however many were given up, it opens again a bounded number of times", async () => {
  const many = Array.from({ length: attachesGivenUpMax + 5 }, () => unanswered);
  const { attaches } = await tailBy([...many, superseded]);
  expect(attaches).toBe(many.length + attachesGivenUpMax + 1);
});
