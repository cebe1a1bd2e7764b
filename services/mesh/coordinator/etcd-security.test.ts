import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Etcd3 } from "etcd3";
import { expect, test } from "vitest";
import { missingForEtcdProcess, startEtcdProcess } from "../../testkit/etcd-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { EtcdCluster } from "../fixtures/etcd-cluster.ts";
import { nodeRecord } from "../fixtures/node-records.ts";
import type { EtcdCoordinator } from "./etcd.ts";
import { keysBelow } from "./etcd-keys.ts";

/** Enables users: `node`, who may read and write below the prefix only. */
async function enableUsers(address: string, prefix: string): Promise<void> {
  const client = new Etcd3({ hosts: `http://${address}` });
  const { auth } = client;
  await auth.userAdd({ name: "root", password: "root-password" });
  await auth.roleAdd({ name: "root" });
  await auth.userGrantRole({ user: "root", role: "root" });
  await auth.roleAdd({ name: "mesh" });
  await auth.roleGrantPermission({
    name: "mesh",
    perm: { permType: "Readwrite", ...keysBelow(`${prefix}/`) },
  });
  await auth.userAdd({ name: "node", password: "node-password" });
  await auth.userGrantRole({ user: "node", role: "mesh" });
  await auth.authEnable();
  client.close();
}

/** All that a coordinator does, once. */
async function expectAllCalls(coordinator: EtcdCoordinator): Promise<void> {
  let hints = 0;
  coordinator.watch(() => (hints += 1));
  const registration = await coordinator.register(nodeRecord("a"));
  expect(await registration.renew(nodeRecord("a", { load: 0.5 }))).toBe("kept");
  expect(await coordinator.list()).toEqual([nodeRecord("a", { load: 0.5 })]);
  await coordinator.raiseMark({ epoch: 2n, tick: 3n });
  expect(await coordinator.readMark()).toEqual({ epoch: 2n, tick: 3n });
  await waitUntil("a hint", () => hints > 0);
  await registration.leave();
  expect(await coordinator.list()).toEqual([]);
}

/** Certificates in a directory that goes with the scope. */
class Authority implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "parley-certificates-"));

  constructor() {
    const subject = ["-subj", "/CN=authority", "-addext", "basicConstraints=critical,CA:TRUE"];
    this.#openssl([
      "req",
      "-x509",
      ...this.#newKey("ca"),
      ...subject,
      "-days",
      "2",
      "-out",
      this.file("ca.pem"),
    ]);
  }

  file(name: string): string {
    return join(this.#directory, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.file(name));
  }

  /** Signs `NAME.pem` for 127.0.0.1, with its key in `NAME.key`. */
  sign(name: string): { readonly certificateFile: string; readonly keyFile: string } {
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
    this.#openssl(["req", ...this.#newKey(name), ...subject, "-out", this.file(`${name}.csr`)]);
    const authority = ["-CA", this.file("ca.pem"), "-CAkey", this.file("ca.key"), "-copy_extensions", "copy"];
    const certificateFile = this.file(`${name}.pem`);
    this.#openssl([
      "x509",
      "-req",
      "-in",
      this.file(`${name}.csr`),
      ...authority,
      "-days",
      "2",
      "-out",
      certificateFile,
    ]);
    return { certificateFile, keyFile: this.file(`${name}.key`) };
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #newKey(name: string): readonly string[] {
    return [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-keyout",
      this.file(`${name}.key`),
    ];
  }

  #openssl(argv: readonly string[]): void {
    execFileSync("openssl", argv, { stdio: "pipe" });
  }
}

function missingForCertificates(): readonly string[] {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return [];
  } catch {
    return ["openssl"];
  }
}

suiteWithout(missingForEtcdProcess())("an etcd with users", () => {
  test("serves the one who may, also after it forgot the token, and refuses others in a sentence", {
    timeout: 60_000,
  }, async () => {
    await using server = await startEtcdProcess();
    await using cluster = new EtcdCluster(server.url);
    const auth = { user: "node", password: "node-password" };
    const early = await cluster.open({ auth });
    await expect(early.list()).rejects.toThrow("authentication is not enabled");
    await enableUsers(server.address, cluster.options.prefix);

    const coordinator = await cluster.open({ auth });
    await expectAllCalls(coordinator);
    expect(await coordinator.serverVersion()).toBeUndefined();
    const root = { user: "root", password: "root-password" };
    expect(await (await cluster.open({ auth: root })).serverVersion()).toMatch(/^3\./);
    expect(await early.list()).toEqual([]);
    const refusals = [
      [await cluster.open(), "user name is empty"],
      [await cluster.open({ auth: { ...auth, password: "wrong" } }), "invalid user ID or password"],
      [await cluster.open({ auth, prefix: "/elsewhere" }), "permission denied"],
    ] as const;
    for (const [refused, why] of refusals) {
      const error = await refused.list().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ kind: "refused", message: expect.stringContaining(why) });
      expect(String(error)).not.toMatch(/node-password|wrong/);
    }

    await server.process.kill();
    await server.process.start();
    await waitUntil("an answer with a new token", () => coordinator.list().catch(() => undefined));
    await expectAllCalls(coordinator);
  });
});

suiteWithout([...missingForEtcdProcess(), ...missingForCertificates()])("an etcd with TLS", () => {
  test("serves those who trust its certificate, and nobody else", { timeout: 60_000 }, async () => {
    using authority = new Authority();
    await using server = await startEtcdProcess({ tls: authority.sign("server") });
    await using cluster = new EtcdCluster(server.url);
    await expectAllCalls(await cluster.open({ tls: { ca: authority.read("ca.pem") } }));
    const wary = await cluster.open({ tls: {} });
    await expect(wary.list()).rejects.toThrow(/did not answer: .*certificate/);
    const cleartext = await cluster.open({ tls: undefined });
    await expect(cleartext.list()).rejects.toMatchObject({ kind: "unanswered" });
  });

  test("serves those who show a certificate, where it asks for one", { timeout: 60_000 }, async () => {
    using authority = new Authority();
    const tls = authority.sign("server");
    await using server = await startEtcdProcess({ tls, clientAuthorityFile: authority.file("ca.pem") });
    await using cluster = new EtcdCluster(server.url);
    authority.sign("client");
    const ca = authority.read("ca.pem");
    const client = { certificate: authority.read("client.pem"), key: authority.read("client.key") };
    await expectAllCalls(await cluster.open({ tls: { ca, client } }));
    await expect((await cluster.open({ tls: { ca } })).list()).rejects.toMatchObject({ kind: "unanswered" });
  });
});
