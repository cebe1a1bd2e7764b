import { once } from "node:events";
import net from "node:net";
import { describe, expect, test } from "vitest";
import { silentMetrics } from "../kernel/metrics.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { type ConnectionTable, createConnectionTable, destroyedPerTurn } from "./connection-table.ts";

const limits = { connectionsMax: 1_000, connectionsPerAddressMax: 1_000 };

/** Opens `count` loopback connections, admitted to the table on the server's side. */
async function connect(table: ConnectionTable, count: number): Promise<AsyncDisposable> {
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.resume();
    table.admit(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  const clients = Array.from({ length: count }, () => net.connect(address.port, "127.0.0.1"));
  for (const client of clients) client.on("error", () => undefined);
  const admitted = new Promise<void>((resolve) => {
    let seen = 0;
    server.on("connection", () => {
      seen += 1;
      if (seen === count) resolve();
    });
  });
  await admitted;
  return {
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

describe("a connection table", () => {
  test("destroys in slices, one a turn, until none is open", async () => {
    const clock = new FakeClock();
    const table = createConnectionTable({ clock, metrics: silentMetrics, port: "x", ...limits });
    await using _ = await connect(table, destroyedPerTurn + 20);
    const done = table.destroyAll();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(table.size).toBe(20);
    while (table.size > 0) await clock.settle();
    await clock.settle();
    await done;
  });

  test("counts the whole port too", async () => {
    const clock = systemClock();
    const table = createConnectionTable({
      clock,
      metrics: silentMetrics,
      port: "x",
      connectionsMax: 3,
      connectionsPerAddressMax: 1_000,
    });
    await using _ = await connect(table, 5);
    expect(table.size).toBe(3);
  });

  test("waits for the last one to leave, but not past the deadline", async () => {
    const clock = new FakeClock();
    const table = createConnectionTable({ clock, metrics: silentMetrics, port: "x", ...limits });
    expect(await table.whenEmpty(10)).toBe(true);
    {
      await using _ = await connect(table, 2);
      const late = table.whenEmpty(10);
      await clock.advance(10);
      expect(await late).toBe(false);
    }
    expect(await table.whenEmpty(1_000)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });
});
