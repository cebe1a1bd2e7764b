import { describe, expect, test } from "vitest";
import { type AdminServer, createAdminServer, type Readiness } from "./admin-server.ts";

async function start(
  readiness: () => Readiness,
  render = "parley_x 1\n",
): Promise<AdminServer & { url: string }> {
  const server = createAdminServer({
    host: "127.0.0.1",
    port: 0,
    readiness,
    renderMetrics: () =>
      render === ""
        ? Promise.reject(new Error("planted"))
        : Promise.resolve({ contentType: "text/plain", body: render }),
  });
  const { port } = await server.listen();
  return { ...server, url: `http://127.0.0.1:${port}` };
}

describe("the admin listener", () => {
  test("/readyz follows the callback and says why, /healthz does not care", async () => {
    let readiness: Readiness = { ready: true };
    await using server = await start(() => readiness);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    readiness = { ready: false, reason: "the store is away" };
    const answer = await fetch(`${server.url}/readyz`);
    expect([answer.status, await answer.text()]).toEqual([503, "not ready: the store is away\n"]);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  test("/metrics answers what is rendered, 500 when that fails", async () => {
    await using server = await start(() => ({ ready: true }));
    const answer = await fetch(`${server.url}/metrics`);
    expect([answer.headers.get("content-type"), await answer.text()]).toEqual(["text/plain", "parley_x 1\n"]);
    await using broken = await start(() => ({ ready: true }), "");
    expect((await fetch(`${broken.url}/metrics`)).status).toBe(500);
  });

  test("nothing else is there, and nothing can be changed", async () => {
    await using server = await start(() => ({ ready: true }));
    expect((await fetch(`${server.url}/`)).status).toBe(404);
    expect((await fetch(`${server.url}/healthz`, { method: "POST" })).status).toBe(405);
    const head = await fetch(`${server.url}/healthz`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("after stop nothing listens, and stopping again does nothing", async () => {
    const server = await start(() => ({ ready: true }));
    await fetch(`${server.url}/healthz`);
    await server.stop();
    await server.stop();
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow("fetch failed");
  });
});
