import type { webcrypto } from "node:crypto";
// oxlint-disable-next-line no-unassigned-import -- @peculiar/x509 wants what this adds to the global Reflect.
import "reflect-metadata";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Rng } from "../kernel/rng.ts";
import { clusterUri, nodeUri } from "./node-certificate.ts";

/** A certificate and its private key, in PEM. */
export interface IssuedCertificate {
  readonly cert: string;
  readonly key: string;
}

/** From when to when a certificate is valid, in milliseconds since 1970; whole seconds are kept. */
export interface Validity {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What makes an authority: `cluster` is the name of the cluster whose nodes it will vouch for. */
export interface AuthorityOptions {
  readonly cluster: string;
  readonly validity: Validity;
  readonly rng: Rng;
}

/** What makes a node's certificate. */
export interface NodeCertificateOptions extends AuthorityOptions {
  readonly nodeId: string;
  readonly authority: IssuedCertificate;
}

/** ECDSA on P-256: small, and known by everything that speaks TLS. */
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** Makes an authority that vouches for the nodes of one cluster, and for no other authority. */
export async function issueAuthority({
  cluster,
  validity,
  rng,
}: AuthorityOptions): Promise<IssuedCertificate> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...commonParts(validity, rng),
    name: [{ CN: [`Parley authority of ${cluster}`] }],
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: "url", value: clusterUri(cluster) }]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return toPem(certificate, keys);
}

/**
 * Makes a node's certificate, good for both ends of a link. It ends with its authority at the latest. Rejects when the
 * authority cannot be read.
 */
export async function issueNodeCertificate(options: NodeCertificateOptions): Promise<IssuedCertificate> {
  const { authority, validity, rng, nodeId } = options;
  const issuer = new X509Certificate(authority.cert);
  const keys = await makeKeys();
  const untilMs = Math.min(validity.untilMs, issuer.notAfter.getTime());
  const certificate = await X509CertificateGenerator.create({
    ...commonParts({ ...validity, untilMs }, rng),
    subject: [{ CN: [nodeId] }],
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await readKey(authority.key),
    extensions: await nodeExtensions(options, issuer, keys),
  });
  return toPem(certificate, keys);
}

async function nodeExtensions(
  name: NodeCertificateOptions,
  issuer: X509Certificate,
  keys: webcrypto.CryptoKeyPair,
): Promise<Extension[]> {
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    new SubjectAlternativeNameExtension([{ type: "url", value: nodeUri(name) }]),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer),
  ];
}

function commonParts({ fromMs, untilMs }: Validity, rng: Rng) {
  const serial = Buffer.from(rng.bytes(16));
  // A serial number is positive and has no zeros in front (RFC 5280, section 4.1.2.2).
  serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f);
  return {
    serialNumber: serial.toString("hex"),
    notBefore: new Date(fromMs),
    notAfter: new Date(untilMs),
    signingAlgorithm: algorithm,
  };
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

function readKey(pem: string): Promise<webcrypto.CryptoKey> {
  return crypto.subtle.importKey("pkcs8", PemConverter.decodeFirst(pem), algorithm, false, ["sign"]);
}

async function toPem(
  certificate: X509Certificate,
  { privateKey }: webcrypto.CryptoKeyPair,
): Promise<IssuedCertificate> {
  const key = await crypto.subtle.exportKey("pkcs8", privateKey);
  return { cert: `${certificate.toString("pem")}\n`, key: `${PemConverter.encode(key, "PRIVATE KEY")}\n` };
}
