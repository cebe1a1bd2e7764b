import type { X509Certificate } from "node:crypto";
import { named, parseCertificates, parseIdentity } from "../rpc/certificates.ts";
import type { MutualTlsMaterial } from "../rpc/mutual-tls.ts";

/** Who a node is, as its certificate says. */
export interface NodeName {
  readonly cluster: string;
  readonly nodeId: string;
}

/** What a cluster may be called: the trust domain of its nodes' URIs. */
export const clusterNamePattern = /^[a-z0-9._-]{1,64}$/;

const uriPattern = /^spiffe:\/\/(?<cluster>[a-z0-9._-]{1,64})\/node\/(?<nodeId>[a-z0-9._-]{1,64})$/;

/** The URI of an authority's certificate: a SPIFFE ID without a path, as that standard wants it of authorities. */
export function clusterUri(cluster: string): string {
  return `spiffe://${cluster}`;
}

/** The URI by which a certificate names a node. It is a SPIFFE ID, so that whatever issues these can issue it. */
export function nodeUri({ cluster, nodeId }: NodeName): string {
  return `${clusterUri(cluster)}/node/${nodeId}`;
}

/** The only URI among the alternative names of a certificate; undefined when there is none, or several. */
export function certificateUri({ subjectAltName }: X509Certificate): string | undefined {
  // A name with a comma or a quotation mark stands in quotation marks; none of ours has one.
  if (subjectAltName === undefined || subjectAltName.includes('"')) return undefined;
  const uris = subjectAltName.split(", ").filter((name) => name.startsWith("URI:"));
  return uris.length === 1 ? uris[0]?.slice("URI:".length) : undefined;
}

/** The node that a certificate names; undefined when it names none. Whether to believe it is for TLS to say. */
export function nodeNameOf(certificate: X509Certificate): NodeName | undefined {
  const { cluster, nodeId } = uriPattern.exec(certificateUri(certificate) ?? "")?.groups ?? {};
  return cluster === undefined || nodeId === undefined || certificate.ca ? undefined : { cluster, nodeId };
}

/**
 * Checks that the files of a node belong together: the certificate names this node, the key is the certificate's, and the
 * chain ends at an authority. Throws a sentence that says what is wrong. Answers the own chain.
 */
export function checkNodeIdentity(material: MutualTlsMaterial, self: NodeName): readonly X509Certificate[] {
  const chain = parseIdentity(material);
  const authorities = named("authority file", () => parseCertificates(material.authority));
  const [own] = chain;
  const name = own && nodeNameOf(own);
  if (name?.cluster !== self.cluster || name.nodeId !== self.nodeId) {
    const says = (own && certificateUri(own)) ?? "no URI";
    throw new Error(`the certificate is for ${says}, and this node is ${nodeUri(self)}`);
  }
  const last = chain.at(-1);
  if (!authorities.some((authority) => last?.checkIssued(authority) && last.verify(authority.publicKey)))
    throw new Error("the certificate is not of an authority in the authority file");
  return chain;
}
