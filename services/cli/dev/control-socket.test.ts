import { once } from "node:events";
import { existsSync, linkSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import type { ControlRequest } from "./control-message.ts";
import { askControl, type ControlServer, controlSocketPath, listenForControl } from "./control-socket.ts";

let data: string;
let server: ControlServer | undefined;
let asked: ControlRequest[];

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "parley-sock-"));
  asked = [];
});

afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(data, { recursive: true, force: true });
});

async function listen(): Promise<ControlServer> {
  server = await listenForControl(data, (request) => {
    asked.push(request);
    if (request.command === "add") throw new CommandError("there is no room");
    return Promise.resolve({ ok: true, text: "done", nodes: [] });
  });
  return server;
}

/** Says something that the command never would. */
async function say(line: string): Promise<string> {
  const socket = connect(controlSocketPath(data));
  await once(socket, "connect");
  socket.end(line);
  return text(socket);
}

describe("the socket of a running `parley dev --nodes`", () => {
  test("answers what is asked, and passes on why something was refused", async () => {
    await listen();
    const kill = { command: "kill", node: 2, signal: "SIGKILL" } as const;
    expect(await askControl(data, kill)).toEqual({ ok: true, text: "done", nodes: [] });
    await expect(askControl(data, { command: "add" })).rejects.toThrow("there is no room");
    expect(asked).toEqual([kill, { command: "add" }]);
  });

  test("is for its owner only", async () => {
    await listen();
    expect(statSync(controlSocketPath(data)).mode & 0o777).toBe(0o600);
  });

  test("refuses what is no command, and survives it", async () => {
    await listen();
    expect(await say("hello\n")).toMatch(/"ok":false/);
    expect(await say('{"command":"kill","node":99,"signal":"SIGKILL"}\n')).toMatch(/"ok":false/);
    expect(await say("")).toBe("");
    expect(await say("x".repeat(20_000))).toBe("");
    expect(asked).toEqual([]);
    expect(await askControl(data, { command: "list" })).toMatchObject({ ok: true });
  });

  test("is gone when it was closed, and then nobody runs there", async () => {
    (await listen()).close();
    expect(existsSync(controlSocketPath(data))).toBe(false);
    await expect(askControl(data, { command: "list" })).rejects.toMatchObject({
      exitCode: exitCodes.unavailable,
      message: expect.stringContaining(`no \`parley dev --nodes\` runs on ${data}`),
    });
  });

  test("belongs to one process at a time", async () => {
    await listen();
    await expect(listenForControl(data, () => Promise.reject(new Error()))).rejects.toThrow(
      /another .* runs on/,
    );
    expect(await askControl(data, { command: "list" })).toMatchObject({ ok: true });
  });

  test("takes the place of one that a killed process has left", async () => {
    const path = controlSocketPath(data);
    const left = createServer().listen(path);
    await once(left, "listening");
    // Closing would remove the file: what a killed process leaves is the file alone.
    const copy = `${path}.left`;
    linkSync(path, copy);
    left.close();
    await once(left, "close");
    renameSync(copy, path);
    expect(existsSync(path)).toBe(true);
    await listen();
    expect(await askControl(data, { command: "list" })).toMatchObject({ ok: true });
  });
});

test("a data directory whose path is too long for a socket is refused with the reason", () => {
  expect(() => controlSocketPath(join("/", "x".repeat(120)))).toThrow(
    expect.objectContaining({ exitCode: exitCodes.usage, message: expect.stringContaining("shorter") }),
  );
});
