import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { goToolDirectory } from "../../testkit/go-tools.ts";
import {
  type FinishedProgram,
  finish,
  nodeFlags,
  type RunningProgram,
  repository,
  startParleyCommand,
  startProgram,
  type TemporaryDirectory,
  temporaryDirectory,
} from "../command/parley-command.ts";
import { grpcurl } from "../go-tools.ts";
import { login, type Person } from "../json-client.ts";
import { suiteNeeds } from "../tools.ts";

const readySchema = z.object({ public: z.string(), tls: z.string() });

suiteNeeds(["openssl", "curl"])("a TLS listener", () => {
  let home: TemporaryDirectory;
  let node: RunningProgram;
  let ready: z.infer<typeof readySchema>;
  let alice: Person;

  beforeAll(async () => {
    home = temporaryDirectory();
    makeCertificate();
    const files = [`--tls-certificate-file=${certificate()}`, `--tls-key-file=${join(home.path, "key.pem")}`];
    node = startParleyCommand([
      "dev",
      "--data",
      join(home.path, "data"),
      ...nodeFlags,
      "--tls-port=0",
      ...files,
    ]);
    ready = readySchema.parse(JSON.parse(await node.line(/"event":"ready"/)));
    alice = await login(ready.public, "alice", "parley-demo");
  });

  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  function certificate(): string {
    return join(home.path, "certificate.pem");
  }

  /** Signed by itself, for 127.0.0.1, good for two days. */
  function makeCertificate(): void {
    const key = [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-keyout",
      join(home.path, "key.pem"),
    ];
    const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync("openssl", ["req", "-x509", "-days", "2", ...key, ...subject, "-out", certificate()], {
      stdio: "ignore",
    });
  }

  function run(program: string, argv: readonly string[]): Promise<FinishedProgram> {
    return finish(startProgram(program, argv));
  }

  const method = "parley.account.v1.AccountService/GetAccount";

  describe.each([
    ["--http1.1", "1.1"],
    ["--http2", "2"],
  ])("curl %s", (version, answered) => {
    test("calls over Connect", async () => {
      const { stdout } = await run(
        "curl",
        [
          ["-s", version, "--cacert", certificate(), "-w", " %{http_version}", `${ready.tls}/${method}`],
          ["-H", `authorization: Bearer ${alice.token}`, "-H", "content-type: application/json", "-d", "{}"],
        ].flat(),
      );
      expect(stdout).toMatch(/"handle":\s*"alice"/);
      expect(stdout.endsWith(` ${answered}`)).toBe(true);
    });
  });

  test.each(["connect", "grpc", "grpcweb"])("buf curl calls over %s", async (protocol) => {
    const { stdout } = await run(
      join(repository, "node_modules/.bin/buf"),
      [
        ["curl", "--cacert", certificate(), "--protocol", protocol, "--reflect"],
        ["-H", `authorization: Bearer ${alice.token}`, "-d", "{}", `${ready.tls}/${method}`],
      ].flat(),
    );
    expect(JSON.parse(stdout)).toMatchObject({ account: { handle: "alice" } });
  });

  test("speaks no TLS before 1.2, and no cleartext", async () => {
    const old = await run("curl", [
      "-s",
      "--tls-max",
      "1.1",
      "--cacert",
      certificate(),
      `${ready.tls}/${method}`,
    ]);
    expect(old.status).not.toBe(0);
    expect((await run("curl", ["-s", `${ready.tls.replace("https", "http")}/${method}`])).status).not.toBe(0);
  });

  suiteNeeds([grpcurl.name])("grpcurl", () => {
    test("calls over gRPC", async () => {
      const { stdout } = await run(
        join(goToolDirectory(grpcurl) ?? "", "grpcurl"),
        [
          ["-cacert", certificate(), "-H", `authorization: Bearer ${alice.token}`, "-d", "{}"],
          [new URL(ready.tls).host, method],
        ].flat(),
      );
      expect(JSON.parse(stdout)).toMatchObject({ account: { handle: "alice" } });
    });
  });
});
