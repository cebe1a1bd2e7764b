import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { waitUntil } from "../testkit/wait-until.ts";
import { listenForTcp, type TcpListener } from "./tcp-listener.ts";

const localhost = { host: "127.0.0.1", port: 0, connectionsMax: 2 };

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return socket;
}

test("connections are taken up to the limit, and after one has ended another one is", async () => {
  const taken: Socket[] = [];
  const listener = await listenForTcp({ ...localhost, onConnection: (socket) => void taken.push(socket) });
  const first = await dial(listener.port);
  const second = await dial(listener.port);
  const third = await dial(listener.port);
  await waitUntil("the third is ended", () => third.destroyed);
  expect(taken).toHaveLength(2);
  first.destroy();
  await waitUntil("the first is gone", () => taken[0]?.destroyed);
  const fourth = await dial(listener.port);
  await waitUntil("the fourth is taken", () => taken.length === 3);
  await listener.stop();
  await listener.stop();
  await waitUntil("all are ended", () => second.destroyed && fourth.destroyed);
});

test("stopping ends a connection whose other side does not read", async () => {
  const taken: Socket[] = [];
  const listener: TcpListener = await listenForTcp({
    ...localhost,
    onConnection: (socket) => void taken.push(socket),
  });
  const silent = await dial(listener.port);
  silent.pause();
  const socket = await waitUntil("it is taken", () => taken[0]);
  socket.end(Buffer.alloc(50_000_000));
  await listener.stop();
  expect(socket.destroyed).toBe(true);
  silent.destroy();
});

test("an address that is taken is refused", async () => {
  const onConnection = (): void => undefined;
  const listener = await listenForTcp({ ...localhost, onConnection });
  await expect(listenForTcp({ ...localhost, port: listener.port, onConnection })).rejects.toThrow(
    "EADDRINUSE",
  );
  await listener.stop();
});
