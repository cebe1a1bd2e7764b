/** Where an etcd is, and how it is talked to. */
export interface EtcdTarget {
  /** `host:port` each, at least one. */
  readonly endpoints: readonly string[];
  /** What all keys begin with: a slash, then segments, without a slash at the end. */
  readonly prefix: string;
  /** Undefined for cleartext. */
  readonly tls: EtcdTlsFiles | undefined;
  readonly user: string | undefined;
  /** A password has no place in a URL that is written down: give it apart. It is read here so that it can be refused. */
  readonly password: string | undefined;
}

/** Files in PEM. */
export interface EtcdTlsFiles {
  /** What the server's certificate has to be signed with; unset, the roots that Node.js trusts. */
  readonly caFile: string | undefined;
  /** The certificate that this client shows, and its key: both or neither, and only together with `caFile`. */
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** The prefix when the URL has no path. */
export const etcdPrefixDefault = "/parley";

/** Servers that a URL may name. */
export const etcdEndpointsMax = 16;

/** Characters of a prefix. */
export const etcdPrefixCharactersMax = 256;

const portDefault = 2379;
const form = "etcd://[user@]host[:port][,host[:port]...][/prefix]";
const parameters = ["cacert", "cert", "key"];

/**
 * Reads `etcd://[user@]host[:port][,...][/prefix]`, or `etcds://...[?cacert=FILE][&cert=FILE&key=FILE]` for TLS. Throws an
 * error for people, which never holds the password.
 */
export function parseEtcdUrl(url: string): EtcdTarget {
  const match =
    /^(?<scheme>etcds?):\/\/(?:(?<user>[^@/?]*)@)?(?<hosts>[^@/?#]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/.exec(
      url,
    );
  if (match?.groups === undefined) throw new Error(`a URL of etcd has the form ${form}`);
  const { scheme, user, hosts = "", path, query } = match.groups;
  return {
    endpoints: parseEndpoints(hosts),
    prefix: parsePrefix(path),
    tls: parseTls(scheme === "etcds", query),
    ...parseUser(user),
  };
}

function parseEndpoints(hosts: string): readonly string[] {
  const endpoints = hosts.split(",").map(parseEndpoint);
  if (endpoints.length > etcdEndpointsMax)
    throw new Error(`the URL of etcd names ${endpoints.length} servers, at most ${etcdEndpointsMax}`);
  return endpoints;
}

function parseEndpoint(text: string): string {
  const { host, port = String(portDefault) } =
    /^(?<host>\[[\da-f:.]+\]|[\w.-]+)(?::(?<port>\d{1,5}))?$/i.exec(text)?.groups ?? {};
  if (host === undefined) throw new Error(`"${text}" in the URL of etcd is no host: the form is ${form}`);
  if (Number(port) < 1 || Number(port) > 65_535)
    throw new Error(`port ${port} in the URL of etcd is not from 1 to 65535`);
  return `${host}:${Number(port)}`;
}

function parsePrefix(path: string | undefined): string {
  const prefix = (path ?? "").replace(/\/$/, "");
  if (prefix === "") return etcdPrefixDefault;
  if (!/^(?:\/[\w.-]+)+$/.test(prefix))
    throw new Error(
      `the prefix "${prefix}" in the URL of etcd may hold letters, digits, ".", "_", "-" and single slashes`,
    );
  if (prefix.length > etcdPrefixCharactersMax)
    throw new Error(
      `the prefix in the URL of etcd has ${prefix.length} characters, at most ${etcdPrefixCharactersMax}`,
    );
  return prefix;
}

function parseTls(isTls: boolean, query: string | undefined): EtcdTlsFiles | undefined {
  const given = new URLSearchParams(query);
  for (const name of given.keys()) {
    if (!parameters.includes(name))
      throw new Error(`the URL of etcd has an unknown parameter ${name}: there are ${parameters.join(", ")}`);
  }
  if (!isTls) {
    if (given.size > 0) throw new Error("the URL of etcd names files for TLS: write etcds:// to use it");
    return undefined;
  }
  const file = (name: string): string | undefined => given.get(name) || undefined;
  const files = { caFile: file("cacert"), certificateFile: file("cert"), keyFile: file("key") };
  if ((files.certificateFile === undefined) !== (files.keyFile === undefined))
    throw new Error(
      "the URL of etcd needs cert and key together: a certificate for this client, and its key",
    );
  if (files.certificateFile !== undefined && files.caFile === undefined)
    throw new Error(
      "the URL of etcd needs cacert beside cert and key: what the server's certificate is signed with",
    );
  return files;
}

function parseUser(text: string | undefined): Pick<EtcdTarget, "user" | "password"> {
  if (text === undefined) return { user: undefined, password: undefined };
  const [user = "", ...rest] = text.split(":");
  if (user === "") throw new Error(`the URL of etcd has an @ without a user before it: the form is ${form}`);
  return { user: decoded(user), password: rest.length === 0 ? undefined : decoded(rest.join(":")) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error("the user or password in the URL of etcd has a % that begins no %XX: write it as %25");
  }
}
