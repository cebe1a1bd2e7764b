import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Logger } from "../kernel/logger.ts";
import { prometheusMetrics } from "../kernel/prometheus-metrics.ts";
import { ClusterCertificates, validFor } from "../mesh/fixtures/cluster-certificates.ts";
import { checkNodeIdentity } from "../mesh/node-certificate.ts";
import type { MutualTlsMaterial } from "../rpc/mutual-tls.ts";
import { loggerTo } from "../sqlite/fixtures/recording.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { CertificateFiles, certificatePollMs, expiryWarnDays } from "./certificate-files.ts";

const dayMs = 86_400_000;

let directory: string;
let clock: FakeClock;
let log: string[];
let metrics: ReturnType<typeof prometheusMetrics>;
let files: CertificateFiles | undefined;
let taken: MutualTlsMaterial[];
let cluster: ClusterCertificates;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "parley-certificates-"));
  clock = new FakeClock({ wallMs: Date.now() });
  log = [];
  metrics = prometheusMetrics();
  taken = [];
  cluster = await ClusterCertificates.create();
});

afterEach(() => {
  files?.stop();
  files = undefined;
  rmSync(directory, { recursive: true, force: true });
  if (clock.pendingTimers !== 0) throw new Error("stopping left a timer");
});

function put(material: Partial<MutualTlsMaterial>): void {
  for (const [name, text] of Object.entries(material)) writeFileSync(join(directory, name), text);
}

async function open(): Promise<CertificateFiles> {
  const logger = loggerInto(log);
  const [cert, key, authority] = ["cert", "key", "authority"].map((name) => join(directory, name));
  files = await CertificateFiles.open({
    port: "mesh",
    paths: { cert: cert ?? "", key: key ?? "", authority: authority ?? "" },
    check: (material) => checkNodeIdentity(material, { cluster: "main", nodeId: "n1" }),
    clock,
    logger,
    metrics,
  });
  files.start((material) => void taken.push(material));
  return files;
}

/** Lets the files be looked at `times` times. */
async function look(times = 1): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await clock.advance(certificatePollMs);
    // The next look is planned when one has ended.
    await waitUntil("the files were looked at", () => clock.pendingTimers === 1);
  }
}

async function measured(series: string): Promise<number> {
  const line = (await metrics.render()).split("\n").find((text) => text.startsWith(`parley_${series} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

function loggerInto(lines: string[]): Logger {
  return loggerTo((level, message, { reason, daysLeft }) => {
    lines.push([level, message, reason, daysLeft].filter((part) => part !== undefined).join(" | "));
  });
}

/** Valid so long that nobody has to be told of its end. */
function long(): { fromMs: number; untilMs: number } {
  return { fromMs: clock.wallMs() - dayMs, untilMs: clock.wallMs() + 4 * dayMs };
}

const soon = "warn | the certificate of a port ends soon: renew it";

test("new files are taken, once, and their end is measured", async () => {
  put(await cluster.node("n1"));
  const opened = await open();
  await look(2);
  expect(taken).toEqual([]);
  const validity = long();
  const renewed = await cluster.node("n1", { validity });
  put(renewed);
  await look(3);
  expect(taken).toEqual([renewed]);
  expect(opened.current).toEqual(renewed);
  expect(await measured('certificate_reloads_total{port="mesh",outcome="taken"}')).toBe(1);
  const untilSeconds = Math.floor(validity.untilMs / 1_000);
  expect(await measured('certificate_expiry_timestamp_seconds{port="mesh"}')).toBe(untilSeconds);
});

test("files that are replaced one after the other are taken when they fit together", async () => {
  put(await cluster.node("n1"));
  await open();
  const other = await ClusterCertificates.create();
  const renewed = await other.node("n1");
  for (const part of [{ key: renewed.key }, { cert: renewed.cert }, { authority: renewed.authority }]) {
    expect(taken).toEqual([]);
    put(part);
    await look();
  }
  expect(taken).toEqual([renewed]);
});

test.each<[string, (renewed: MutualTlsMaterial) => Partial<MutualTlsMaterial>, RegExp]>([
  [
    "half a certificate",
    ({ cert }) => ({ cert: cert.slice(0, 300) }),
    /certificate file cannot be used: it holds no whole/,
  ],
  ["an empty key", () => ({ key: "" }), /key file cannot be used/],
  ["the key of another one", ({ key }) => ({ key }), /the key file is not that of the certificate file/],
  ["no authority", () => ({ authority: "" }), /authority file cannot be used: it holds no whole certificate/],
  [
    "a second authority that is cut off",
    ({ authority }) => ({ authority: `${authority}${authority.slice(0, 200)}` }),
    /authority file cannot be used: it is cut off/,
  ],
])("with %s the certificate from before stays, and one line says why", async (_, change, says) => {
  const first = await cluster.node("n1");
  put(first);
  const opened = await open();
  log.length = 0;
  put(change(await cluster.node("n1")));
  await look(3);
  expect(taken).toEqual([]);
  expect(opened.current).toEqual(first);
  expect(log).toEqual([expect.stringMatching(/^warn \| changed certificate files cannot be used/)]);
  expect(log[0]).toMatch(says);
  expect(await measured('certificate_reloads_total{port="mesh",outcome="refused"}')).toBe(1);
});

test("a file that is away for a moment, and back as it was, is told once and changes nothing", async () => {
  put(await cluster.node("n1"));
  await open();
  log.length = 0;
  const away = await cluster.node("n1");
  rmSync(join(directory, "key"));
  await look(2);
  expect(log).toEqual([expect.stringContaining("ENOENT")]);
  put(away);
  await look();
  expect(taken).toEqual([away]);
});

test("a certificate that begins later is taken when it has begun", async () => {
  put(await cluster.node("n1", { validity: long() }));
  await open();
  const fromMs = clock.wallMs() + 2 * certificatePollMs + 5_000;
  const next = await cluster.node("n1", { validity: { fromMs, untilMs: fromMs + dayMs } });
  put(next);
  await look(2);
  expect(taken).toEqual([]);
  expect(log.at(-1)).toContain("it is not valid before");
  await look();
  expect(taken).toEqual([next]);
});

test("a certificate that has ended does not take the place of one that is valid", async () => {
  put(await cluster.node("n1"));
  await open();
  put(await cluster.node("n1", { validity: validFor(-2) }));
  await look();
  expect(taken).toEqual([]);
  expect(log.at(-1)).toContain("it has ended at");
});

test("the end that comes near is told at the start and once a day, and the end itself as an error", async () => {
  put(await cluster.node("n1", { validity: { ...long(), untilMs: clock.wallMs() + 1.5 * dayMs } }));
  await open();
  expect(log).toEqual([`${soon} | 1`]);
  await look(3);
  expect(log).toHaveLength(1);
  await clock.advance(dayMs);
  await waitUntil("it was told again", () => log.length === 2);
  expect(log[1]).toBe(`${soon} | 0`);
  await waitUntil("the look has ended", () => clock.pendingTimers === 1);
  await clock.advance(dayMs);
  await waitUntil("its end was told", () => log.length === 3);
  expect(log[2]).toBe("error | the certificate of a port is not valid: others refuse it | -1");
  expect(expiryWarnDays).toBeGreaterThan(1);
});

test("files that cannot be used at the start are refused with the port and the reason", async () => {
  put(await cluster.node("n2"));
  await expect(open()).rejects.toThrow(
    "the certificate of the mesh port: the certificate is for spiffe://main/node/n2, and this node is spiffe://main/node/n1",
  );
  put(await cluster.node("n1", { cluster: "other" }));
  await expect(open()).rejects.toThrow("spiffe://other/node/n1");
  const stranger = await ClusterCertificates.create();
  put({ ...(await stranger.node("n1")), authority: cluster.authority.cert });
  await expect(open()).rejects.toThrow("the certificate is not of an authority in the authority file");
  rmSync(join(directory, "cert"));
  await expect(open()).rejects.toThrow(join(directory, "cert"));
});
