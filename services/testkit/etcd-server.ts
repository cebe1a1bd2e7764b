import { join } from "node:path";
import { etcd, goToolDirectory } from "./go-tools.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

/** The longest that a start or an end of etcd may take, in milliseconds. */
const answerMsMax = 15_000;

/** A running etcd. */
export interface EtcdServer extends AsyncDisposable {
  /** `host:port`, or several with commas. */
  readonly address: string;
  /** As `coordinator.url` takes it; without a prefix. */
  readonly url: string;
  /** To do harm to it; undefined for a server that was there before. */
  readonly process: ServerProcess | undefined;
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

/** Whether `startEtcdServer` starts an etcd, to which harm can be done. */
export function isOwnEtcd(): boolean {
  return givenUrl() === undefined;
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

/** Starts etcd in a process of its own, see `startServerProcess`. */
export async function startEtcdProcess(
  options: EtcdServerOptions = {},
): Promise<EtcdServer & { readonly process: ServerProcess }> {
  const { at = "127.0.0.1:0", tls } = options;
  const started = await startServerProcess({
    name: "etcd",
    program: join(goToolDirectory(etcd) ?? "", etcd.name),
    at,
    argv: (address, directory) => argvOf(address, directory, options),
    environment: (directory) => ({ PARLEY_TEST_DIRECTORY: directory }),
    answerMsMax,
    saysAt: "stderr",
    readAddress: (log) =>
      /"msg":"serving client traffic [^\n]*"address":"(?<address>[^"]+)"/.exec(log)?.groups?.["address"],
  });
  return { ...started, url: `${tls === undefined ? "etcd" : "etcds"}://${started.address}` };
}

function givenUrl(): string | undefined {
  const url = process.env["PARLEY_TEST_ETCD_URL"];
  return url === undefined || url === "" ? undefined : url;
}

function argvOf(address: string, directory: string, options: EtcdServerOptions): readonly string[] {
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
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}
