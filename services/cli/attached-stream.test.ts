import { once } from "node:events";
import http2 from "node:http2";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { SessionService } from "../../gen/parley/session/v1/session_service_pb.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { attach, openedMsMax } from "./attached-stream.ts";

const heartbeatMs = 15_000;

/** A node that says `opened`, or not even that, and then nothing more. */
async function startSilentNode(saysOpened: boolean): Promise<AsyncDisposable & { readonly url: string }> {
  const opened = { case: "opened", value: { heartbeatInterval: durationFromMs(heartbeatMs) } } as const;
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.rpc(SessionService.method.attach, async function* (_requests, { signal }) {
        if (saysOpened) yield { frame: { control: opened } };
        await once(signal, "abort");
      }),
  });
  const server = http2.createServer(handler);
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const dispose = async (): Promise<void> => {
    for (const session of sessions) session.destroy();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: dispose };
}

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
  await using node = await startSilentNode(false);
  const clock = new FakeClock();
  const { end } = follow(node.url, clock);
  await clock.advance(openedMsMax - 1);
  expect(await Promise.race([end, Promise.resolve("waiting")])).toBe("waiting");
  await clock.advance(1);
  expect(await end).toMatch(/the node said nothing for 10 s/);
});

test("once it has, it is given up after three heartbeats without a frame", async () => {
  await using node = await startSilentNode(true);
  const clock = new FakeClock();
  const { frames, end } = follow(node.url, clock);
  await waitUntil("opened came", () => frames.length > 0);
  await clock.advance(3 * heartbeatMs - 1);
  expect(await Promise.race([end, Promise.resolve("waiting")])).toBe("waiting");
  await clock.advance(1);
  expect(await end).toMatch(/the node said nothing for 45 s/);
});
