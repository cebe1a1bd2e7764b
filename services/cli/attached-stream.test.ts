import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { attach, openedMsMax } from "./attached-stream.ts";
import { startSessionNode } from "./fixtures/session-node.ts";

const heartbeatMs = 15_000;
const opened = { case: "opened", value: { heartbeatInterval: durationFromMs(heartbeatMs) } } as const;

/** What came, and how it ended. */
function follow(url: string, clock: FakeClock): { readonly frames: string[]; readonly end: Promise<string> } {
  const stream = attach(url, "token", clock);
  stream.send({ case: "ping", value: 1n });
  const frames: string[] = [];
  const read = async (): Promise<string> => {
    try {
      for await (const { control } of stream.frames) frames.push(control.case ?? "");
      return "ended";
    } catch (error) {
      return String(error);
    }
  };
  return { frames, end: read() };
}

test("a node that does not say opened is given up after ten seconds", async () => {
  await using node = await startSessionNode([{ controls: [], ending: "silence" }]);
  const clock = new FakeClock();
  const { end } = follow(node.url, clock);
  await clock.advance(openedMsMax - 1);
  expect(await Promise.race([end, Promise.resolve("waiting")])).toBe("waiting");
  await clock.advance(1);
  expect(await end).toMatch(/the node said nothing for 10 s/);
});

test("once it has, it is given up after three heartbeats without a frame", async () => {
  await using node = await startSessionNode([{ controls: [opened], ending: "silence" }]);
  const clock = new FakeClock();
  const { frames, end } = follow(node.url, clock);
  await waitUntil("opened came", () => frames.length > 0);
  await clock.advance(3 * heartbeatMs - 1);
  expect(await Promise.race([end, Promise.resolve("waiting")])).toBe("waiting");
  await clock.advance(1);
  expect(await end).toMatch(/the node said nothing for 45 s/);
});

test("a node that is down ends nothing before somebody listens", async () => {
  const node = await startSessionNode([]);
  await node[Symbol.asyncDispose]();
  const stream = attach(node.url, "token", new FakeClock());
  stream.send({ case: "ping", value: 1n });
  // Long enough for a call to be refused. An unhandled rejection fails the run.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await expect(stream.frames[Symbol.asyncIterator]().next()).rejects.toThrow(/unavailable/);
});
