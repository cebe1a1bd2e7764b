import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Rng } from "../../kernel/rng.ts";
import { adminClient } from "../cluster/admin-client.ts";
import { publicAccountClient } from "../server-connection.ts";
import { parseGauges, readPage } from "./metrics-page.ts";
import {
  type AdminObservation,
  type ClusterAnswer,
  type HttpAnswer,
  knownNodes,
  type MetricsAnswer,
  type Observations,
  type PublicObservation,
  type StoreAnswer,
} from "./observation.ts";

/** How long one request may take, in milliseconds. */
const requestMsMax = 5_000;

/** Nodes that are looked at; of a larger cluster the rest is left out. */
export const nodesLookedAtMax = 100;

/** How much of an answer is kept, in characters. */
const textMax = 500;

/** What looking takes from its surroundings. */
export interface ObserveOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly signal: AbortSignal;
}

/** Looks at the admin listeners named, at those of all nodes that they know of, and at all addresses for clients. */
export async function observe(
  options: ObserveOptions,
  named: { readonly admins: readonly string[]; readonly servers: readonly string[] },
): Promise<Observations> {
  const first = await Promise.all(named.admins.map((url) => observeAdmin(options, url)));
  const seen = new Set(named.admins);
  const others = knownNodes({ admins: first })
    .map(({ adminUrl }) => adminUrl)
    .filter((url) => url !== "" && !seen.has(url));
  const admins = [
    ...first,
    ...(await Promise.all(others.slice(0, nodesLookedAtMax).map((url) => observeAdmin(options, url)))),
  ];
  const addresses = new Map<string, string | undefined>(named.servers.map((url) => [url, undefined]));
  for (const { nodeId, publicUrls } of knownNodes({ admins })) {
    for (const url of publicUrls.slice(0, 1)) addresses.set(url, nodeId);
  }
  const publics = await Promise.all(
    [...addresses].slice(0, nodesLookedAtMax).map(([url, nodeId]) => observePublic(options, url, nodeId)),
  );
  return { admins, publics, atMs: options.clock.wallMs() };
}

async function observeAdmin(options: ObserveOptions, url: string): Promise<AdminObservation> {
  const [healthz, readyz, cluster, metrics] = await Promise.all([
    get(options, `${url}/healthz`),
    get(options, `${url}/readyz`),
    listNodes(options, url),
    readMetrics(options, url),
  ]);
  return { url, healthz, readyz, cluster, metrics };
}

async function listNodes({ signal }: ObserveOptions, url: string): Promise<ClusterAnswer> {
  try {
    const { nodeId, nodes } = await adminClient(url).listNodes({}, { signal, timeoutMs: requestMsMax });
    return { kind: "answered", nodeId, nodes };
  } catch (error) {
    return { kind: "silent", reason: ConnectError.from(error).rawMessage };
  }
}

async function readMetrics({ signal }: ObserveOptions, url: string): Promise<MetricsAnswer> {
  try {
    const late = AbortSignal.timeout(requestMsMax);
    const response = await fetch(`${url}/metrics`, {
      redirect: "manual",
      signal: AbortSignal.any([signal, late]),
    });
    const page = await readPage(response);
    if (response.status !== 200) return { kind: "silent", reason: `it answers ${response.status}` };
    return { kind: "read", gauges: parseGauges(page) };
  } catch (error) {
    return { kind: "silent", reason: reasonOf(error) };
  }
}

async function observePublic(
  options: ObserveOptions,
  url: string,
  nodeId: string | undefined,
): Promise<PublicObservation> {
  const answer = await get(options, `${url}/.well-known/jwks.json`);
  const store: StoreAnswer =
    answer.kind === "answered"
      ? await readStore(options, url)
      : { kind: "unknown", reason: "the node does not answer" };
  return { url, nodeId, answer, store };
}

/** Logs in under a name that nobody has: whoever says that the name or password is wrong has looked into the store. */
async function readStore({ rng, signal }: ObserveOptions, url: string): Promise<StoreAnswer> {
  const handle = `doctor.${rng.uuid().slice(-12)}`;
  try {
    const request = { handle, password: { text: rng.uuid() }, deviceName: "parley doctor" };
    await publicAccountClient(url).login(request, { signal, timeoutMs: requestMsMax });
    return { kind: "read" };
  } catch (error) {
    return storeAnswerOf(ConnectError.from(error));
  }
}

function storeAnswerOf(error: ConnectError): StoreAnswer {
  const [info] = error.findDetails(ErrorInfoSchema);
  const reason = info?.reason ?? "";
  if (reason === "CREDENTIALS_WRONG") return { kind: "read" };
  const text = reason === "" ? error.rawMessage : `${error.rawMessage} [${reason}]`;
  const saysSo = reason === "STORE_UNAVAILABLE" || error.code === Code.Internal;
  return { kind: saysSo ? "refused" : "unknown", reason: text };
}

async function get({ clock, signal }: ObserveOptions, url: string): Promise<HttpAnswer> {
  const startMs = clock.monotonicMs();
  const wallMs = clock.wallMs();
  try {
    const late = AbortSignal.timeout(requestMsMax);
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.any([signal, late]) });
    const tookMs = clock.monotonicMs() - startMs;
    const text = (await response.text()).trim().slice(0, textMax);
    // The header was written some time between the two; it counts whole seconds, cut off.
    const dateMs = Date.parse(response.headers.get("date") ?? "");
    const aheadMs = Number.isNaN(dateMs) ? undefined : dateMs + 500 - (wallMs + tookMs / 2);
    return { kind: "answered", status: response.status, text, tookMs, aheadMs };
  } catch (error) {
    return { kind: "silent", reason: reasonOf(error) };
  }
}

/** `fetch` says only that it failed; why stands in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
