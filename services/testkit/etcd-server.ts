import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { etcd, goToolDirectory } from "./go-tools.ts";

/** The longest that a start or an end of the server may take, in milliseconds. */
const answerMsMax = 15_000;

/** A running etcd. */
export interface EtcdServer extends AsyncDisposable {
  /** `host:port`, or several with commas. */
  readonly address: string;
  /** As `coordinator.url` takes it; without a prefix. */
  readonly url: string;
  /** To do harm to it; undefined for a server that was there before. */
  readonly process: EtcdProcess | undefined;
}

/** The process of a server. */
export interface EtcdProcess {
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, after a kill, on its port and with what it holds. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

/** How a server is started. */
export interface EtcdServerOptions {
  /** Where it listens, as `host:port`; a free port of loopback unless told otherwise. */
  readonly at?: string;
  /** Files with the certificate of the server and its key; then it speaks TLS only. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
  /** A file with what the certificates of clients are signed with; then each client has to show one. */
  readonly clientAuthorityFile?: string;
}

/** What a machine lacks for `startEtcdServer`, by name. */
export function missingForEtcd(): readonly string[] {
  return givenUrl() === undefined ? missingForEtcdProcess() : [];
}

/** What a machine lacks for `startEtcdProcess`, by name. */
export function missingForEtcdProcess(): readonly string[] {
  return goToolDirectory(etcd) === undefined ? [etcd.name] : [];
}

/** Starts etcd, or answers the server that `PARLEY_TEST_ETCD_URL` names, to which no harm can be done. */
export async function startEtcdServer(): Promise<EtcdServer> {
  const url = givenUrl();
  if (url === undefined) return startEtcdProcess();
  const address = /^etcds?:\/\/(?:[^@/]*@)?(?<address>[^/?]*)/.exec(url)?.groups?.["address"] ?? "";
  return { address, url, process: undefined, [Symbol.asyncDispose]: async () => undefined };
}

/**
 * Starts etcd on a new directory. The process ends with the scope, and by itself when its
 * parent dies; the directory goes with it.
 */
export async function startEtcdProcess(
  options: EtcdServerOptions = {},
): Promise<EtcdServer & { readonly process: EtcdProcess }> {
  const directory = mkdtempSync(join(tmpdir(), "parley-etcd-"));
  let child = spawnServer(options.at ?? "127.0.0.1:0", directory, options);
  const dispose = async (): Promise<void> => {
    await endProcess(child);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const address = await servedAddress(child);
    const harm: EtcdProcess = {
      kill: async () => {
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
      },
      start: async () => {
        child = spawnServer(address, directory, options);
        await servedAddress(child);
      },
      freeze: () => void child.kill("SIGSTOP"),
      thaw: () => void child.kill("SIGCONT"),
    };
    const url = `${options.tls === undefined ? "etcd" : "etcds"}://${address}`;
    return { address, url, process: harm, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function givenUrl(): string | undefined {
  const url = process.env["PARLEY_TEST_ETCD_URL"];
  return url === undefined || url === "" ? undefined : url;
}

function spawnServer(address: string, directory: string, options: EtcdServerOptions): ChildProcess {
  const program = join(goToolDirectory(etcd) ?? "", etcd.name);
  const clients = `${options.tls === undefined ? "http" : "https"}://${address}`;
  // Of a cluster of one nobody is told where its peers reach it.
  const peers = "http://127.0.0.1:0";
  const flags: Readonly<Record<string, string>> = {
    name: "parley",
    "data-dir": join(directory, "data"),
    "listen-client-urls": clients,
    "advertise-client-urls": clients,
    "listen-peer-urls": peers,
    "initial-advertise-peer-urls": peers,
    "initial-cluster": `parley=${peers}`,
    // It elects itself sooner, and a kill of the process loses nothing that the system has taken.
    "heartbeat-interval": "50",
    "election-timeout": "500",
    "unsafe-no-fsync": "true",
    "enable-grpc-gateway": "false",
    "log-level": "info",
    ...(options.tls && { "cert-file": options.tls.certificateFile, "key-file": options.tls.keyFile }),
    ...(options.clientAuthorityFile !== undefined && {
      "client-cert-auth": "true",
      "trusted-ca-file": options.clientAuthorityFile,
    }),
  };
  const argv = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const env = { ...process.env, PARLEY_TEST_DIRECTORY: directory };
  return spawn(program, argv, { env, stdio: ["pipe", "ignore", "pipe"] });
}

/** Waits until it serves clients, and answers where. What it logs is read to its end, so that it never waits for that. */
async function servedAddress(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let log = "";
  let isServing = false;
  const timer = setTimeout(() => reject(new Error(`etcd does not answer: ${log}`)), answerMsMax);
  child.once("error", reject);
  child.once("exit", (code) => reject(new Error(`etcd ended with ${code}: ${log}`)));
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    if (isServing) return;
    log += chunk;
    const address = /"msg":"serving client traffic [^\n]*"address":"(?<address>[^"]+)"/.exec(log)?.groups;
    if (address === undefined) return;
    isServing = true;
    resolve(address["address"] ?? "");
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** Closes its input, which it ends with; kills it when it does not. */
async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.stdin?.end();
  // It may have been frozen.
  child.kill("SIGCONT");
  const timer = setTimeout(() => child.kill("SIGKILL"), answerMsMax);
  await gone;
  clearTimeout(timer);
}
