import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { OpenSchema, type ServerFrame } from "../../gen/parley/session/v1/session_pb.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { entryEvent } from "./fixtures/scripted-feed.ts";
import { FrameReader, FrameSource, type Protocol, sessionClient } from "./fixtures/session-client.ts";
import { type SessionServer, startSessionServer } from "./fixtures/session-server.ts";
import { committed } from "./fixtures/session-world.ts";

const group = `g-${"0".repeat(32)}`;
const messageId = "0b7e15b2-95a5-4b7b-9d7f-0d6c3f1c1a01";
const send = {
  conversationId: group,
  clientMessageId: messageId.toUpperCase(),
  content: { kind: { case: "text" as const, value: { text: "hello" } } },
};
const opened = (frame: ServerFrame) => (frame.control.case === "opened" ? frame.control.value : undefined);
const closed = (frame: ServerFrame) => frame.control.case === "closed" && frame.control.value;
const events = (frame: ServerFrame) => frame.events.length > 0 && frame;
const results = (frame: ServerFrame) => frame.results.length > 0 && frame.results;

let server: SessionServer;
beforeEach(async () => {
  server = await startSessionServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  assert.deepEqual(server.complaints, []);
  assert.deepEqual(server.world.bugs, []);
});

async function reasonOf(call: Promise<unknown>): Promise<string> {
  const error = ConnectError.from(
    await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    ),
  );
  return error.findDetails(ErrorInfoSchema)[0]?.reason ?? `no ErrorInfo: ${error.message}`;
}

describe.each<Protocol>(["grpc", "connect", "connect-json"])("Attach over %s", (protocol) => {
  test("opens, sends, gets events, acknowledges, and is closed with a last frame and OK", async () => {
    server.world.answer = (command) => committed(command, 1n);
    const frames = new FrameSource();
    const reader = new FrameReader(sessionClient(server.url, "alice/a1", protocol).attach(frames));
    frames.push({ kind: { case: "open", value: {} } });
    const first = await reader.next();
    expect(first?.control.case).toBe("opened");
    expect((await reader.next())?.control).toEqual({ case: "caughtUp", value: true });

    frames.push({ kind: { case: "send", value: send } });
    const [result] = await reader.until(results);
    expect(result?.clientMessageId).toBe(messageId.toUpperCase());
    expect(result?.outcome.case).toBe("committed");

    server.world.feeds.last.offer(entryEvent(group, 1n), entryEvent(group, 2n));
    const batch = await reader.until(events);
    expect([batch.firstDeliveryId, batch.events.length]).toEqual([1n, 2]);
    frames.push({ kind: { case: "ack", value: 2n } }, { kind: { case: "ping", value: 9n } });
    expect(await reader.until((frame) => frame.control.case === "pong" && frame.control.value)).toBe(9n);

    server.world.registry.revoked("alice", ["a1"]);
    expect((await reader.until(closed)).reason).toBe(CloseReason.DEVICE_REVOKED);
    expect(await reader.next()).toBeUndefined();
    frames.end();
  });
});

describe("Attach", () => {
  test("answers a first frame that is not open with the status OPEN_MISSING", async () => {
    const frames = new FrameSource();
    const reader = new FrameReader(sessionClient(server.url, "alice/a1").attach(frames));
    frames.push({ kind: { case: "ack", value: 1n } });
    expect(await reasonOf(reader.next())).toBe("OPEN_MISSING");
    frames.end();
  });

  test("answers an open that breaks a bound with the status INVALID_FIELD", async () => {
    const frames = new FrameSource();
    const reader = new FrameReader(sessionClient(server.url, "alice/a1").attach(frames));
    frames.push({ kind: { case: "open", value: { window: 5_000 } } });
    expect(await reasonOf(reader.next())).toBe("INVALID_FIELD");
    frames.end();
  });

  test("answers a frame that cannot be read, once it is open, with closed and not with a status", async () => {
    const frames = new FrameSource();
    const reader = new FrameReader(sessionClient(server.url, "alice/a1").attach(frames));
    frames.push({ kind: { case: "open", value: {} } });
    await reader.until(opened);
    frames.push({ kind: { case: "renew", value: "x".repeat(300 * 1024) } });
    expect((await reader.until(closed)).reason).toBe(CloseReason.PROTOCOL_VIOLATION);
    expect(await reader.next()).toBeUndefined();
    frames.end();
  });

  test("reads no further while 64 sends are unanswered, and loses none of them", async () => {
    const frames = new FrameSource();
    const reader = new FrameReader(sessionClient(server.url, "alice/a1").attach(frames));
    frames.push({ kind: { case: "open", value: {} } });
    await reader.until(opened);
    const { appends } = server.world;
    for (let index = 0; index < 100; index += 1) {
      const clientMessageId = `0b7e15b2-95a5-4b7b-9d7f-${index.toString().padStart(12, "0")}`;
      frames.push({ kind: { case: "send", value: { ...send, clientMessageId } } });
    }
    await waitUntil("64 appends", () => appends.length >= 64);
    expect(appends).toHaveLength(64);
    let told = 0;
    for (let index = 0; index < 100; index += 1) {
      const append = await waitUntil(`append ${index}`, () => appends[index]);
      append.settle(committed(append.command, BigInt(index + 1)));
    }
    while (told < 100) told += (await reader.until(results)).length;
    const order = appends.map(({ command }) => Number(command.clientMessageId.slice(-12)));
    expect(order).toEqual(Array.from({ length: 100 }, (_, index) => index));
    frames.end();
  });

  test("ends the session when the client goes away, and serves one that only stops talking", async () => {
    const abort = new AbortController();
    const frames = new FrameSource();
    const client = sessionClient(server.url, "alice/a1");
    const reader = new FrameReader(client.attach(frames, { signal: abort.signal }));
    frames.push({ kind: { case: "open", value: {} } });
    await reader.until(opened);
    frames.end();
    server.world.feeds.last.offer(entryEvent(group, 1n));
    await reader.until(events);
    const next = reader.next();
    abort.abort();
    expect(ConnectError.from(await next.catch((error: unknown) => error)).code).toBe(Code.Canceled);
    await waitUntil("the session to end", () => server.world.registry.attached === 0);
    expect(server.world.feeds.last.closed).toBe(true);
  });

  test("closes the older stream of a device when a newer one opens", async () => {
    const streams = [1, 2].map(() => new FrameSource());
    const readers: FrameReader[] = [];
    for (const frames of streams) {
      const reader = new FrameReader(sessionClient(server.url, "alice/a1").attach(frames));
      frames.push({ kind: { case: "open", value: {} } });
      await reader.until(opened);
      readers.push(reader);
    }
    const [older] = readers;
    expect((await older?.until(closed))?.reason).toBe(CloseReason.SUPERSEDED);
    expect(server.world.registry.attached).toBe(1);
    for (const frames of streams) frames.end();
  });
});

describe.each<Protocol>(["connect-http1", "grpc-web", "grpc"])("Receive and Submit over %s", (protocol) => {
  test("the device speaks by Submit and its results are not repeated on the stream", async () => {
    server.world.answer = (command) => committed(command, 5n);
    const client = sessionClient(server.url, "bob/b1", protocol);
    const reader = new FrameReader(client.receive({ open: {} }));
    const { sessionId } = await reader.until(opened);
    server.world.feeds.last.offer(entryEvent(group, 1n));
    await reader.until(events);
    const { results: answers } = await client.submit({
      sessionId,
      frames: [
        { kind: { case: "ack", value: 1n } },
        { kind: { case: "send", value: send } },
        { kind: { case: "send", value: { ...send, clientMessageId: "not a uuid" } } },
        { kind: { case: "ping", value: 4n } },
      ],
    });
    expect(answers.map((answer) => answer.outcome.case)).toEqual(["committed", "failed"]);
    const pong = await reader.until((frame) => {
      expect(frame.results).toEqual([]);
      return frame.control.case === "pong" && frame.control.value;
    });
    expect(pong).toBe(4n);
    server.world.registry.revoked("bob", undefined);
    await reader.until(closed);
    expect(await reader.next()).toBeUndefined();
  });
});

describe("Submit", () => {
  test("does not find the session of another device, or one that never was", async () => {
    const reader = new FrameReader(sessionClient(server.url, "bob/b1").receive({ open: {} }));
    const { sessionId } = await reader.until(opened);
    const frames = [{ kind: { case: "ping" as const, value: 1n } }];
    const submit = (token: string, id: string) =>
      sessionClient(server.url, token).submit({ sessionId: id, frames });
    expect(await reasonOf(submit("bob/b2", sessionId))).toBe("SESSION_NOT_FOUND");
    expect(await reasonOf(submit("alice/b1", sessionId))).toBe("SESSION_NOT_FOUND");
    expect(await reasonOf(submit("bob/b1", "nothing"))).toBe("SESSION_NOT_FOUND");
  });

  test("refuses open, and renews the stream by a newer token", async () => {
    const reader = new FrameReader(sessionClient(server.url, "bob/b1/60").receive({ open: {} }));
    const { sessionId } = await reader.until(opened);
    const client = sessionClient(server.url, "bob/b1/500");
    const open = { kind: { case: "open" as const, value: {} } };
    expect(await reasonOf(client.submit({ sessionId, frames: [open] }))).toBe("INVALID_FIELD");
    await client.submit({ sessionId, frames: [{ kind: { case: "pong", value: 1n } }] });
    const end = await reader.until((frame) => frame.control.case === "renewed" && frame.control.value);
    expect(Number(end.seconds)).toBeGreaterThan(Date.now() / 1000 + 400);
  });
});

describe("Poll", () => {
  test("opens, waits for events, returns what was not acknowledged again, and tells the end", async () => {
    const client = sessionClient(server.url, "bob/b1", "connect-http1");
    const first = await client.poll({ session: { case: "open", value: {} } });
    const sessionId = first.frames.map((frame) => opened(frame)).find(Boolean)?.sessionId ?? "";
    const session = { case: "sessionId" as const, value: sessionId };
    await client.poll({ session, wait: { seconds: 1n } });
    const waiting = client.poll({ session, wait: { seconds: 5n } });
    server.world.feeds.last.offer(entryEvent(group, 1n));
    const once = (await waiting).frames.find(events);
    expect([once?.firstDeliveryId, once?.redelivered]).toEqual([1n, false]);
    const again = (await client.poll({ session, wait: { seconds: 5n } })).frames.find(events);
    expect([again?.firstDeliveryId, again?.redelivered]).toEqual([2n, true]);
    const quiet = await client.poll({ session, ack: 2n, wait: {} });
    expect(quiet.frames).toEqual([]);
    server.world.registry.revoked("bob", ["b1"]);
    // Submit takes nothing any more, and leaves it to the next Poll to say why.
    const frames = [{ kind: { case: "pong" as const, value: 1n } }];
    expect(await reasonOf(client.submit({ sessionId, frames }))).toBe("SESSION_NOT_FOUND");
    const last = (await client.poll({ session, ack: 2n })).frames.at(-1);
    expect(last?.control.case).toBe("closed");
    expect(await reasonOf(client.poll({ session, ack: 2n }))).toBe("SESSION_NOT_FOUND");
  });

  test("a newer Poll overtakes the one that waits", async () => {
    const client = sessionClient(server.url, "bob/b1");
    const { frames } = await client.poll({ session: { case: "open", value: create(OpenSchema) } });
    const value = frames.map((frame) => opened(frame)).find(Boolean)?.sessionId ?? "";
    const session = { case: "sessionId" as const, value };
    await client.poll({ session, wait: { seconds: 1n } });
    const older = client.poll({ session, wait: { seconds: 9n } });
    const overtaken = reasonOf(older);
    const { outlet } = server.world.registry.find(value, { accountId: "bob", deviceId: "b1" });
    await waitUntil("the older Poll to wait", () => outlet.ready);
    expect((await client.poll({ session, wait: { nanos: 1_000_000 } })).frames).toEqual([]);
    expect(await overtaken).toBe("POLL_SUPERSEDED");
  });
});

test("Locate names the public address", async () => {
  const located = await sessionClient(server.url, "bob/b1").locate({});
  expect(located.addresses).toEqual(["http://127.0.0.1:7080"]);
  expect(located.timeToLive?.seconds).toBe(60n);
});
