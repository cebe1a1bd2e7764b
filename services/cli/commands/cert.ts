import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Validity } from "../../mesh/issue-certificate.ts";
import { certificateUri, clusterNamePattern, clusterUri, nodeNameOf } from "../../mesh/node-certificate.ts";
import { nodeIdPattern } from "../../node/config.ts";
import {
  assertAbsent,
  authorityName,
  certificatePaths,
  makeDirectory,
  readAuthority,
  writeCertificate,
} from "../cert/certificate-store.ts";
import type { CommandContext } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";

const dayMs = 86_400_000;

/** So that a node whose clock is behind takes a certificate at once. */
const backdatedMs = 300_000;

/** A hundred years: more is a slip. */
const daysMax = 36_500;

/** Options of all that makes a certificate. */
export interface CertOptions {
  readonly directory: string;
  readonly days: string;
  readonly json?: boolean;
}

/** `parley cert authority` */
export async function certAuthority(
  context: CommandContext,
  options: CertOptions & { readonly cluster: string },
): Promise<void> {
  const { directory, cluster, json } = options;
  assertMatches("--cluster", cluster, clusterNamePattern, "1 to 64 characters of a-z, 0-9, dot, _ and -");
  const validity = validityOf(context, options);
  const paths = certificatePaths(directory, authorityName);
  assertAbsent(paths, "nodes trust it, so it is not replaced; choose another --directory");
  const { issueAuthority } = await import("../../mesh/issue-certificate.ts");
  const issued = await issueAuthority({ cluster, validity, rng: context.rng });
  makeDirectory(directory);
  writeCertificate(paths, issued);
  const until = untilOf(issued.cert);
  if (json) return context.print(JSON.stringify({ cluster, until, ...paths }));
  context.print(`${paths.cert}  the authority of cluster ${cluster}, until ${until}; for every node`);
  context.print(`${paths.key}  its key: whoever has it can make nodes, so no node gets it`);
  context.print(`next, for each node: npx parley cert node NODE_ID${directoryFlag(directory)}`);
}

/** `parley cert node NODE_ID` */
export async function certNode(
  context: CommandContext,
  nodeId: string,
  options: CertOptions & { readonly replace?: boolean },
): Promise<void> {
  const { directory, replace, json } = options;
  assertMatches(
    "<node>",
    nodeId,
    nodeIdPattern,
    "1 to 40 characters of a-z, 0-9, dot, underscore and hyphen",
  );
  if (nodeId === authorityName)
    throw new CommandError(`no node can be called ${authorityName}: its files would be the authority's`);
  const validity = validityOf(context, options);
  const paths = certificatePaths(directory, nodeId);
  if (!replace) assertAbsent(paths, "renew it with --replace");
  const authority = readAuthority(directory);
  const cluster = clusterOf(authority.cert, directory);
  assertNotEnded(context, authority.cert);
  const { issueNodeCertificate } = await import("../../mesh/issue-certificate.ts");
  const issued = await issueNodeCertificate({ cluster, nodeId, validity, authority, rng: context.rng });
  writeCertificate(paths, issued);
  const until = untilOf(issued.cert);
  if (json) return context.print(JSON.stringify({ cluster, nodeId, until, ...paths }));
  context.print(`${paths.cert}  node ${nodeId} of cluster ${cluster}, until ${until}`);
  context.print(`${paths.key}  its key, for this node only`);
  context.print(`next, on that node: ${serveCommand(cluster, nodeId, directory)}`);
}

/** `parley cert show FILE` */
export function certShow(context: CommandContext, file: string, options: { readonly json?: boolean }): void {
  const certificate = readCertificate(file);
  const { issuer, ca } = certificate;
  const { cluster = null, nodeId = null } = nodeNameOf(certificate) ?? {};
  const uri = certificateUri(certificate) ?? null;
  const [from, until] = [certificate.validFromDate, certificate.validToDate].map((date) =>
    date.toISOString(),
  );
  const daysLeft = Math.floor((certificate.validToDate.getTime() - context.clock.wallMs()) / dayMs);
  if (options.json) {
    context.print(JSON.stringify({ cluster, nodeId, authority: ca, uri, from, until, daysLeft, issuer }));
    return;
  }
  const what = nodeId === null ? (ca ? "authority" : "no node") : `node ${nodeId} of cluster ${cluster}`;
  context.print(`${what}  ${uri ?? "no URI"}`);
  context.print(`valid from ${from} until ${until}: ${daysLeft < 0 ? "ended" : `${daysLeft} days left`}`);
  context.print(`issued by ${issuer.replaceAll("\n", ", ")}`);
}

function serveCommand(cluster: string, nodeId: string, directory: string): string {
  const { cert, key } = certificatePaths(directory, nodeId);
  const authority = certificatePaths(directory, authorityName).cert;
  return (
    `npx parley serve --node-id ${nodeId} --cluster-name ${cluster} ` +
    `--mesh-certificate-file ${cert} --mesh-key-file ${key} --mesh-authority-file ${authority}`
  );
}

/** Where certificates are kept unless told otherwise. */
export const certificatesDirectory = "certificates";

function directoryFlag(directory: string): string {
  return directory === certificatesDirectory ? "" : ` --directory ${directory}`;
}

function validityOf(context: CommandContext, { days }: CertOptions): Validity {
  const count = Number(days);
  if (!Number.isInteger(count) || count < 1 || count > daysMax)
    throw new CommandError(`--days must be 1 to ${daysMax}, it is ${days}`, exitCodes.usage);
  const nowMs = context.clock.wallMs();
  return { fromMs: nowMs - backdatedMs, untilMs: nowMs + count * dayMs };
}

function assertMatches(name: string, value: string, pattern: RegExp, wanted: string): void {
  if (!pattern.test(value))
    throw new CommandError(`${name} must be ${wanted}, it is ${value}`, exitCodes.usage);
}

function untilOf(pem: string): string {
  return new X509Certificate(pem).validToDate.toISOString();
}

/** The cluster for which an authority vouches. */
function clusterOf(authority: string, directory: string): string {
  const uri = certificateUri(new X509Certificate(authority)) ?? "";
  const cluster = uri.slice(clusterUri("").length);
  if (clusterNamePattern.test(cluster) && uri === clusterUri(cluster)) return cluster;
  throw new CommandError(
    `the authority in ${directory} names no cluster: npx parley cert authority makes one that does`,
  );
}

function assertNotEnded(context: CommandContext, authority: string): void {
  const until = new X509Certificate(authority).validToDate;
  if (until.getTime() > context.clock.wallMs()) return;
  throw new CommandError(
    `the authority has ended at ${until.toISOString()}: make another one in a new --directory`,
  );
}

function readCertificate(file: string): X509Certificate {
  try {
    return new X509Certificate(readFileSync(file, "utf8"));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`cannot read a certificate from ${file}: ${reason}`);
  }
}
