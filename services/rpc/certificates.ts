import { createPrivateKey, X509Certificate } from "node:crypto";

/** A certificate chain, the own certificate first, and its key, in PEM. */
export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

const certificatePattern = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * Reads all certificates of a PEM text, in their order. Throws when there is none, or when one is damaged or cut off: TLS
 * libraries pass that over, and one that is given no authority at all believes those of the system.
 */
export function parseCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(certificatePattern) ?? [];
  const begun = pem.split("-----BEGIN CERTIFICATE-----").length - 1;
  if (blocks.length === 0) throw new Error("it holds no whole certificate in PEM");
  if (begun !== blocks.length) throw new Error("it is cut off within a certificate");
  return blocks.map((block) => new X509Certificate(block));
}

/** Reads a chain and checks that the key belongs to its first certificate. Throws a sentence that says what is wrong. */
export function parseIdentity({ cert, key }: TlsIdentity): readonly X509Certificate[] {
  const chain = named("certificate file", () => parseCertificates(cert));
  const privateKey = named("key file", () => createPrivateKey(key));
  if (chain[0]?.checkPrivateKey(privateKey) !== true)
    throw new Error("the key file is not that of the certificate file");
  return chain;
}

/** From when to when all certificates of a chain are valid, in milliseconds since 1970. */
export function validityOf(chain: readonly X509Certificate[]): { fromMs: number; untilMs: number } {
  return {
    fromMs: Math.max(...chain.map(({ validFromDate }) => validFromDate.getTime())),
    untilMs: Math.min(...chain.map(({ validToDate }) => validToDate.getTime())),
  };
}

/** Lets what is thrown name the file that it is about. */
export function named<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Error(`the ${what} cannot be used: ${message}`, { cause: thrown });
  }
}
