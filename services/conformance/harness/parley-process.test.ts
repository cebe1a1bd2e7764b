import { existsSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { waitUntil } from "../../testkit/wait-until.ts";
import { Device } from "./device.ts";
import { loadFlags } from "./load-flags.ts";
import { residentBytes, startParley } from "./parley-process.ts";
import { registerUsers } from "./user.ts";

test("a node is started, killed, started again on its ports and data, and leaves nothing behind", {
  timeout: 120_000,
}, async () => {
  const node = await startParley({ flags: loadFlags });
  const { dataDirectory, publicUrl, adminUrl, pid } = node;
  try {
    expect(residentBytes(pid)).toBeGreaterThan(1024 * 1024);
    const [user] = await registerUsers(publicUrl, "someone", 1);
    if (user === undefined) throw new Error("one user was asked for");
    await using device = new Device({ user, way: "receive" }).start();
    await waitUntil("the device attached", () => device.isOpen);

    expect(await node.kill("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
    await waitUntil("the device noticed", () => !device.isOpen);
    await node.restart();
    expect(node.pid).not.toBe(pid);
    expect((await fetch(`${adminUrl}/healthz`)).status).toBe(200);
    await waitUntil("the device attached again", () => device.isOpen);
    expect(device.tally.streams).toBe(2);

    expect(await node.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect([...device.tally.closed.keys()]).toEqual(["DRAINING"]);
  } finally {
    await node[Symbol.asyncDispose]();
  }
  expect(existsSync(dataDirectory)).toBe(false);
});

test("settings in the environment of whoever runs the tests do not reach a node", {
  timeout: 60_000,
}, async () => {
  vi.stubEnv("PARLEY_STORE_URL", "mongodb://127.0.0.1:1/nowhere");
  vi.stubEnv("PARLEY_TEST_MONGO_URL", "mongodb://127.0.0.1:1/");
  try {
    await using node = await startParley();
    expect((await fetch(`${node.adminUrl}/healthz`)).status).toBe(200);
  } finally {
    vi.unstubAllEnvs();
  }
});

test("a node that cannot start is reported with what it said", { timeout: 60_000 }, async () => {
  await expect(startParley({ flags: ["--no-such-setting", "1"] })).rejects.toThrow(
    /ended before it was ready/,
  );
});
