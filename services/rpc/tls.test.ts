import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { createClient } from "@connectrpc/connect";
import { afterAll, describe, expect, test } from "vitest";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import type { TlsIdentity } from "./certificates.ts";
import { EchoService } from "./fixtures/echo-service.ts";
import { protocolNames, startTestNode, transportOf } from "./fixtures/test-node.ts";
import { createOnePortServer } from "./one-port-server.ts";

const openssl = spawnSync("openssl", ["version"]).status === 0;
const directory = mkdtempSync(join(tmpdir(), "parley-tls-"));
afterAll(() => rmSync(directory, { recursive: true }));

function selfSigned(): TlsIdentity {
  const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
    ].concat(["-subj", "/CN=localhost", "-keyout", key, "-out", cert]),
    { stdio: "ignore" },
  );
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}

if (!openssl && process.env["CI"] === "true") throw new Error("openssl is needed for the TLS tests");

describe.skipIf(!openssl)("one TLS port (needs openssl)", () => {
  test.each(protocolNames)("answers over %s", async (name) => {
    await using node = await startTestNode({
      tls: selfSigned(),
      routes: (router) => {
        router.service(EchoService, {
          say: (request) => request,
          repeat: async function* (request) {
            yield request;
          },
        });
      },
    });
    const client = createClient(EchoService, transportOf(name, node.url));
    expect(await client.say({ text: "hi" })).toMatchObject({ text: "hi" });
    for await (const echo of client.repeat({ text: "x" })) expect(echo.text).toBe("x");
  });

  test("closes a connection that says nothing after its handshake, and one that speaks no TLS", async () => {
    const clock = new FakeClock();
    await using node = await startTestNode({ tls: selfSigned(), routes: () => undefined, clock });
    const silent = tls.connect({ port: node.port, host: "127.0.0.1", rejectUnauthorized: false });
    silent.on("error", () => undefined);
    silent.resume();
    await waitUntil("the handshake on both sides", () => clock.pendingTimers === 1);
    const closed = once(silent, "close");
    await clock.advance(5_000);
    await closed;
    const plain = net.connect(node.port, "127.0.0.1");
    plain.on("error", () => undefined);
    plain.resume();
    plain.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    await once(plain, "close");
    expect(clock.pendingTimers).toBe(0);
  });

  test("closes a connection whose handshake takes longer than handshakeMsMax", async () => {
    await using node = await startTestNode({
      tls: selfSigned(),
      routes: () => undefined,
      connections: { handshakeMsMax: 50 },
    });
    const silent = net.connect(node.port, "127.0.0.1");
    silent.on("error", () => undefined);
    silent.resume();
    // Half a ClientHello: a record header that promises more than comes.
    silent.write(Buffer.from("160301020001", "hex"));
    const startMs = performance.now();
    await once(silent, "close");
    expect(performance.now() - startMs).toBeLessThan(4_000);
    expect(node.bugs).toEqual([]);
  });

  test("a handler that serves a cleartext port serves a TLS port beside it", async () => {
    await using first = await startTestNode({
      routes: (router) => void router.rpc(EchoService.method.say, (request) => request),
    });
    await using second = createOnePortServer({
      handler: first.handler,
      host: "127.0.0.1",
      port: 0,
      tls: selfSigned(),
      clock: systemClock(),
      logger: silentLogger,
      metrics: silentMetrics,
      stopMs: 1_000,
    });
    const { port } = await second.listen();
    for (const url of [first.url, `https://127.0.0.1:${port}`]) {
      const client = createClient(EchoService, transportOf("connect h1", url));
      expect(await client.say({ text: "hi" })).toMatchObject({ text: "hi" });
    }
  });
});
