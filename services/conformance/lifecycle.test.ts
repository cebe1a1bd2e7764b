import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { OpenSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { RawStream } from "./bad-input/raw-stream.ts";
import {
  nodeFlags,
  type RunningProgram,
  runParley,
  startParleyCommand,
  type TemporaryDirectory,
  temporaryDirectory,
} from "./command/parley-command.ts";
import { jsonClient, register } from "./json-client.ts";

/** The exit codes of docs/cli.md. */
const startFailed = 5;
const stoppedEarly = 6;

const readySchema = z.object({ event: z.literal("ready"), public: z.string(), admin: z.string() });

interface Started extends AsyncDisposable {
  readonly program: RunningProgram;
  readonly url: string;
  readonly admin: string;
}

async function startNode(data: TemporaryDirectory, ...flags: string[]): Promise<Started> {
  const program = startParleyCommand(["dev", "--data", data.path, ...nodeFlags, ...flags]);
  const ready = readySchema.parse(JSON.parse(await program.line(/"event":"ready"/)));
  return {
    program,
    url: ready.public,
    admin: ready.admin,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

async function attachDevice(url: string, handle: string): Promise<RawStream> {
  const stream = new RawStream(url, (await register(url, handle)).token);
  stream.say({ case: "open", value: create(OpenSchema) });
  await stream.opened();
  return stream;
}

describe("a signal", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s closes every stream with DRAINING, and the node ends with 0 within its deadline",
    async (signal) => {
      using data = temporaryDirectory();
      const node = await startNode(data, "--drain-deadline-ms=5000");
      await using program = node.program;
      using one = await attachDevice(node.url, "one");
      using two = await attachDevice(node.url, "two");
      const startMs = performance.now();
      program.child.kill(signal);
      expect(await Promise.all([one.closedAs(), two.closedAs()])).toEqual(["DRAINING", "DRAINING"]);
      expect([one.end?.code, two.end?.code]).toEqual(["OK", "OK"]);
      expect(await program.ended).toBe(0);
      expect(performance.now() - startMs).toBeLessThan(5_000);
    },
  );

  test("a second one stops the node at once with 6", async () => {
    using data = temporaryDirectory();
    const node = await startNode(data);
    await using program = node.program;
    using stream = await attachDevice(node.url, "one");
    program.child.kill("SIGTERM");
    program.child.kill("SIGINT");
    expect(await program.ended).toBe(stoppedEarly);
    // Whether the device was told before is chance; that it was attached is not.
    expect(stream.frames.length).toBeGreaterThan(0);
  });

  test("after a stop, and after a crash, the same directory starts again with everything in it", async () => {
    using data = temporaryDirectory();
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const node = await startNode(data);
      await using program = node.program;
      const handle = `person-${signal.toLowerCase()}`;
      await register(node.url, handle);
      program.child.kill(signal);
      await program.ended;
      const again = await startNode(data);
      await using second = again.program;
      await expect(register(again.url, handle)).rejects.toMatchObject({ reason: "HANDLE_TAKEN" });
      second.child.kill("SIGTERM");
      await second.ended;
    }
  });
});

describe("a node that cannot start", () => {
  /** What it prints and how it ends, started on a directory. */
  const startOn = (data: TemporaryDirectory, ...flags: string[]) =>
    runParley(["dev", "--data", data.path, ...nodeFlags, ...flags]);

  async function makeDatabase(data: TemporaryDirectory): Promise<string> {
    const node = await startNode(data);
    await using program = node.program;
    await register(node.url, "somebody");
    program.child.kill("SIGTERM");
    expect(await program.ended).toBe(0);
    return join(data.path, "parley.db");
  }

  test("because its port is taken ends with 5 and names the port", async () => {
    using data = temporaryDirectory();
    using other = temporaryDirectory();
    await using node = await startNode(data);
    const { port } = new URL(node.url);
    const { status, stderr } = await startOn(other, `--public-port=${port}`);
    expect(status).toBe(startFailed);
    expect(stderr).toContain(port);
    expect(stderr).toMatch(/EADDRINUSE|in use/i);
  });

  test("because its database is damaged ends with 5, names the file and changes nothing", async () => {
    using data = temporaryDirectory();
    const file = await makeDatabase(data);
    const bytes = readFileSync(file);
    // Everything but the header, so that it still looks like a database.
    bytes.fill(0xa5, 4096);
    writeFileSync(file, bytes);
    const { status, stderr } = await startOn(data);
    expect(status).toBe(startFailed);
    expect(stderr).toContain(file);
    expect(stderr).toMatch(/damaged/);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  test("because its database is no database ends with 5 and names the file", async () => {
    using data = temporaryDirectory();
    const file = join(data.path, "parley.db");
    writeFileSync(file, "this is a letter to grandmother, not a database\n".repeat(200));
    const { status, stderr } = await startOn(data);
    expect(status).toBe(startFailed);
    expect(stderr).toContain(file);
  });

  test("because its database was written by a newer Parley ends with 5 and says so", async () => {
    using data = temporaryDirectory();
    const file = await makeDatabase(data);
    const database = new DatabaseSync(file);
    database.exec("PRAGMA user_version = 9999");
    database.close();
    const copy = join(data.path, "copy.db");
    copyFileSync(file, copy);
    const { status, stderr } = await startOn(data);
    expect(status).toBe(startFailed);
    expect(stderr).toMatch(/newer/);
    expect(stderr).toContain("9999");
    expect(readFileSync(file).equals(readFileSync(copy))).toBe(true);
  });

  test("because a setting is wrong ends with 2 and names each setting, its value and its limit", async () => {
    using data = temporaryDirectory();
    const { status, stderr } = await startOn(
      data,
      "--public-port=70000",
      "--rate-read-burst=0",
      "--log-level=loud",
    );
    expect(status).toBe(2);
    expect(stderr).toMatch(/70000/);
    expect(stderr).toMatch(/65535|65,535|65_535/);
    expect(stderr).toMatch(/loud/);
    expect(stderr.match(/^ {2}/gm)?.length).toBeGreaterThanOrEqual(3);
  });

  test("because a certificate comes without its key ends with 2 and names both", async () => {
    using data = temporaryDirectory();
    const { status, stderr } = await startOn(data, "--tls-certificate-file=/nowhere/cert.pem");
    expect(status).toBe(2);
    expect(stderr).toMatch(/tls\.certificateFile and tls\.keyFile/);
  });
});

describe("a running node", () => {
  test("answers /healthz, /readyz and /metrics on its admin listener, and nothing else there", async () => {
    using data = temporaryDirectory();
    await using node = await startNode(data);
    const get = async (path: string) => {
      const response = await fetch(`${node.admin}${path}`);
      return { status: response.status, text: await response.text() };
    };
    expect(await get("/healthz")).toMatchObject({ status: 200 });
    expect(await get("/readyz")).toMatchObject({ status: 200 });
    await register(node.url, "somebody");
    const { text } = await get("/metrics");
    expect(text).toMatch(
      /^parley_rpc_calls_total\{method="parley\.account\.v1\.AccountService\/Login",code="\w+"\} 1$/m,
    );
    expect(await get("/debug")).toMatchObject({ status: 404 });
    expect((await fetch(`${node.admin}/healthz`, { method: "POST" })).status).toBe(405);
    // What is on the admin listener is not on the public one.
    expect((await fetch(`${node.url}/metrics`)).status).toBe(404);
  });

  test("lets pages of configured origins call it, and no others", async () => {
    using data = temporaryDirectory();
    await using node = await startNode(data, "--cors-origins=https://app.example");
    const url = `${node.url}/parley.account.v1.AccountService/Login`;
    const preflight = (origin: string) =>
      fetch(url, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type,connect-protocol-version",
        },
      });
    const welcome = await preflight("https://app.example");
    expect(welcome.status).toBe(204);
    expect(welcome.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(welcome.headers.get("access-control-allow-methods")).toContain("POST");
    expect(welcome.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("authorization");
    const stranger = await preflight("https://evil.example");
    expect(stranger.status).toBe(403);
    expect(stranger.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("lets nobody register when registration is closed, and reflects nothing when told not to", async () => {
    using data = temporaryDirectory();
    await using node = await startNode(data, "--registration-open=false", "--reflection-enabled=false");
    await expect(register(node.url, "somebody")).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      reason: "REGISTRATION_CLOSED",
    });
    const reflection = jsonClient(node.url).call(
      "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      {},
    );
    await expect(reflection).rejects.toMatchObject({ reason: "UNKNOWN_METHOD" });
  });
});
