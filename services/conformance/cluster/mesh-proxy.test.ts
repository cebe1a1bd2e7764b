import { once } from "node:events";
import { createServer, connect as dial, type Socket } from "node:net";
import { expect, test } from "vitest";
import { waitUntil } from "../../testkit/wait-until.ts";
import { type MeshProxy, startMeshProxy } from "./mesh-proxy.ts";

/** A node that answers what it hears, and notes it. */
async function startEcho(): Promise<AsyncDisposable & { readonly port: number; readonly heard: string[] }> {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      heard.push(String(chunk));
      socket.write(`re ${String(chunk)}`);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const dispose = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port, heard, [Symbol.asyncDispose]: dispose };
}

/** A connection from node-1 to node-2 that has said who it is, and what came back. */
async function dialled(proxy: MeshProxy): Promise<{ socket: Socket; answers: string[] }> {
  const [host = "", port = ""] = proxy.addressOf("node-2").split(":");
  const socket = dial({ host, port: Number(port), noDelay: true });
  socket.on("error", () => undefined);
  const answers: string[] = [];
  socket.on("data", (chunk) => answers.push(String(chunk)));
  socket.write("node-1 to node-2;");
  await waitUntil("the hello is answered", () => answers.length > 0);
  return { socket, answers };
}

async function between(echo: { readonly port: number }): Promise<MeshProxy> {
  return startMeshProxy(
    new Map([
      ["node-1", 1],
      ["node-2", echo.port],
    ]),
  );
}

test("what one node says reaches the other through the proxy, and back", async () => {
  await using echo = await startEcho();
  await using proxy = await between(echo);
  const { answers } = await dialled(proxy);
  expect(echo.heard).toEqual(["node-1 to node-2;"]);
  expect(answers).toEqual(["re node-1 to node-2;"]);
});

test("on a path that is cut nothing is heard, and what was said arrives when it is healed", async () => {
  await using echo = await startEcho();
  await using proxy = await between(echo);
  const { socket } = await dialled(proxy);
  proxy.cut([{ from: "node-1", to: "node-2" }]);
  socket.write("held;");
  await passed(proxy);
  expect(echo.heard.join("")).not.toContain("held;");
  proxy.heal();
  await waitUntil("the rest arrives", () => echo.heard.join("").includes("held;"));
});

test("a cut of the way back lets the way there through", async () => {
  await using echo = await startEcho();
  await using proxy = await between(echo);
  const { socket, answers } = await dialled(proxy);
  proxy.cut([{ from: "node-2", to: "node-1" }]);
  socket.write("there;");
  await waitUntil("it is heard", () => echo.heard.includes("there;"));
  expect(answers).toHaveLength(1);
  proxy.heal();
  await waitUntil("it is answered", () => answers.includes("re there;"));
});

test("a cut of other nodes does no harm", async () => {
  await using echo = await startEcho();
  await using proxy = await between(echo);
  const { socket } = await dialled(proxy);
  proxy.cut([{ from: "node-3", to: "node-2" }]);
  socket.write("through;");
  await waitUntil("it is heard", () => echo.heard.length > 1);
  expect(echo.heard.at(-1)).toBe("through;");
});

test("the end of a connection is heard after the cut only", async () => {
  await using echo = await startEcho();
  await using proxy = await between(echo);
  const { socket, answers } = await dialled(proxy);
  proxy.cut([{ from: "node-2", to: "node-1" }]);
  await echo[Symbol.asyncDispose]();
  socket.write("anybody?");
  expect(socket.destroyed).toBe(false);
  const closed = once(socket, "close");
  proxy.heal();
  await closed;
  expect(answers).toHaveLength(1);
});

/** Long enough for bytes on loopback to have arrived: another connection goes there and back. */
async function passed(proxy: MeshProxy): Promise<void> {
  const [host = "", port = ""] = proxy.addressOf("node-2").split(":");
  const other = dial({ host, port: Number(port) });
  other.on("error", () => undefined);
  other.write("node-3;");
  await once(other, "data");
  other.destroy();
}
