import { createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { utf8 } from "./fixtures/linked-node.ts";
import { createGrpcTransport } from "./grpc-transport.ts";
import type { FrameStream, MeshTransport } from "./transport.ts";

const quiet = { clock: systemClock(), logger: silentLogger, metrics: silentMetrics };
const localhost = { host: "127.0.0.1", port: 0, ...quiet };

/** A transport that ends with its test. */
function transport(): MeshTransport & AsyncDisposable {
  const created = createGrpcTransport(localhost);
  return {
    dial: (address, nodeId) => created.dial(address, nodeId),
    listen: (accept) => created.listen(accept),
    stop: () => created.stop(),
    [Symbol.asyncDispose]: () => created.stop(),
  };
}

/** One end of a stream, and what it heard. */
interface Heard {
  readonly stream: FrameStream;
  readonly frames: Uint8Array[];
  readonly closed: string[];
  drains: number;
}

function hear(stream: FrameStream): Heard {
  const heard: Heard = { stream, frames: [], closed: [], drains: 0 };
  stream.listen({
    onFrame: (frame) => void heard.frames.push(frame),
    onDrain: () => void (heard.drains += 1),
    onClosed: (reason) => void heard.closed.push(reason),
  });
  return heard;
}

/** A stream between two transports, from both ends. */
async function connect(dialling: MeshTransport, listening: MeshTransport): Promise<readonly [Heard, Heard]> {
  const accepted: Heard[] = [];
  const { host, port } = await listening.listen((stream) => void accepted.push(hear(stream)));
  const near = hear(dialling.dial(`${host}:${port}`, "n2"));
  near.stream.write(utf8("first"));
  const far = await waitUntil("the stream arrived", () => accepted[0]);
  await waitUntil("its first frame arrived", () => far.frames.length === 1);
  return [near, far];
}

/** A TCP server that accepts connections and never reads. */
async function silentServer(): Promise<
  { readonly address: string; readonly sockets: readonly Socket[] } & Disposable
> {
  const sockets: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound.port : 0);
    });
  });
  const end = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { address: `127.0.0.1:${port}`, sockets, [Symbol.dispose]: end };
}

test("frames arrive whole and in order in both directions, as plain bytes", async () => {
  await using one = transport();
  await using other = transport();
  const [near, far] = await connect(one, other);
  for (const text of ["a", "", "c".repeat(100_000)]) {
    near.stream.write(utf8(text));
    far.stream.write(utf8(text));
  }
  await waitUntil("all arrived", () => near.frames.length === 3 && far.frames.length === 4);
  const expected = ["a", "", "c".repeat(100_000)].map(utf8);
  expect(near.frames).toEqual(expected);
  expect(far.frames.slice(1)).toEqual(expected);
  expect(Buffer.isBuffer(near.frames[0])).toBe(false);
});

test.each(["near", "far"] as const)(
  "a stream that is closed at the %s end ends once at the other",
  async (end) => {
    await using one = transport();
    await using other = transport();
    const [near, far] = await connect(one, other);
    const [closing, hearing] = end === "near" ? [near, far] : [far, near];
    closing.stream.close();
    closing.stream.close();
    expect(closing.stream.write(utf8("late"))).toBe(true);
    await waitUntil("the other end heard", () => hearing.closed.length > 0);
    hearing.stream.write(utf8("late"));
    hearing.stream.close();
    await one.stop();
    await other.stop();
    expect([closing.closed, hearing.closed.length, closing.frames.length + hearing.frames.length]).toEqual([
      [],
      1,
      1,
    ]);
  },
);

test("what was written just before a listener's end is closed arrives, so that a refusal is heard", async () => {
  await using one = transport();
  await using other = transport();
  const [near, far] = await connect(one, other);
  far.stream.write(utf8("no"));
  far.stream.close();
  await waitUntil("the end was heard", () => near.closed.length > 0);
  expect(near.frames).toEqual([utf8("no")]);
});

test("a stream to where nobody listens is closed, with a reason", async () => {
  await using one = transport();
  const { host, port } = await transport().listen(() => undefined);
  await using other = transport();
  const bound = await other.listen(() => undefined);
  await other.stop();
  const near = hear(one.dial(`${host}:${bound.port}`, "n2"));
  expect(bound.port).not.toBe(port);
  expect(near.stream.write(utf8("x"))).toBe(true);
  await waitUntil("it was closed", () => near.closed.length > 0);
  expect(near.closed[0]).toContain("ECONNREFUSED");
});

test("an address that is none closes the stream, too", async () => {
  await using one = transport();
  const near = hear(one.dial("no address at all", "n2"));
  await waitUntil("it was closed", () => near.closed.length > 0);
  expect(near.closed).toHaveLength(1);
});

test("a connection that is full says so, and then that it has room again", async () => {
  await using one = transport();
  await using other = transport();
  const [near, far] = await connect(one, other);
  let written = 0;
  for (; near.stream.write(new Uint8Array(16_384)); written += 1) expect(written).toBeLessThan(200);
  await waitUntil("it has room", () => near.drains > 0);
  await waitUntil("everything arrived", () => far.frames.length === written + 2);
});

test("a frame that is too large ends the stream instead of arriving", async () => {
  await using one = transport();
  await using other = transport();
  const [near, far] = await connect(one, other);
  near.stream.write(new Uint8Array(5 * 1024 * 1024));
  await waitUntil("both ends heard", () => near.closed.length > 0 && far.closed.length > 0);
  expect(near.closed[0]).toMatch(/size larger than 4194304/);
  expect(far.frames).toHaveLength(1);
});

test("a stopped transport tells those who had dialled it", async () => {
  await using one = transport();
  await using other = transport();
  const [near] = await connect(one, other);
  await other.stop();
  await other.stop();
  await waitUntil("it was closed", () => near.closed.length > 0);
  expect(near.closed).toHaveLength(1);
});

test("a node that accepts connections but says nothing fills no memory, and costs no socket once it is given up", async () => {
  using silent = await silentServer();
  await using one = transport();
  const near = hear(one.dial(silent.address, "n2"));
  for (let written = 0; near.stream.write(new Uint8Array(16_384)); written += 1)
    expect(written).toBeLessThan(200);
  const socket = await waitUntil("it is connected", () => silent.sockets[0]);
  near.stream.close();
  socket.resume();
  await waitUntil("its socket is closed", () => socket.destroyed || socket.readableEnded);
});

test("a stream that is given up while it connects costs no socket either", async () => {
  using silent = await silentServer();
  await using one = transport();
  for (let turns = 0; turns < 6; turns += 1) {
    const { stream } = hear(one.dial(silent.address, "n2"));
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    stream.close();
  }
  const isEnded = ({ destroyed, readableEnded }: Socket): boolean => destroyed || readableEnded;
  const ended = await waitUntil("all sockets are closed", () => {
    for (const socket of silent.sockets) socket.resume();
    return silent.sockets.length > 0 && silent.sockets.every(isEnded) && silent.sockets.length;
  });
  expect(ended).toBeGreaterThan(0);
});

test("a stopped transport ends what it has dialled", async () => {
  await using one = transport();
  await using other = transport();
  const [near, far] = await connect(one, other);
  await one.stop();
  await waitUntil("it was closed", () => far.closed.length > 0);
  expect([near.closed, far.closed.length]).toEqual([[], 1]);
});

test("cleartext is for this machine only", () => {
  for (const host of ["0.0.0.0", "::", "10.0.0.7", "mesh.example.org", "127.0.0.1.example.org", ""]) {
    expect(() => createGrpcTransport({ ...quiet, host, port: 7081 })).toThrow(
      `the mesh cannot listen at ${host}`,
    );
  }
  for (const host of ["127.0.0.1", "127.8.8.8", "::1", "localhost"]) {
    expect(() => createGrpcTransport({ ...quiet, host, port: 7081 })).not.toThrow();
  }
});

test("an address that is taken is named", async () => {
  await using one = transport();
  const { port } = await one.listen(() => undefined);
  const second = createGrpcTransport({ ...localhost, port });
  await expect(second.listen(() => undefined)).rejects.toThrow(
    `cannot listen for other nodes at 127.0.0.1:${port}`,
  );
  await second.stop();
});
