import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { IssuedCertificate } from "../../mesh/issue-certificate.ts";
import { CommandError } from "../command-error.ts";

/** Where a certificate is, and its key. */
export interface CertificatePaths {
  readonly cert: string;
  readonly key: string;
}

/** What the authority's files are called; no node may be. */
export const authorityName = "authority";

/** The files of a name in a directory. */
export function certificatePaths(directory: string, name: string): CertificatePaths {
  return { cert: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) };
}

/** Throws a CommandError when one of the files is there. */
export function assertAbsent({ cert, key }: CertificatePaths, hint: string): void {
  const present = [cert, key].find((path) => existsSync(path));
  if (present !== undefined) throw new CommandError(`${present} is there already: ${hint}`);
}

/** Reads an authority. Throws a CommandError that says how to make one. */
export function readAuthority(directory: string): IssuedCertificate {
  const { cert, key } = certificatePaths(directory, authorityName);
  try {
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`there is no authority in ${directory}: npx parley cert authority (${reason})`);
  }
}

/**
 * Writes a certificate and its key, which only its owner can read, each file as a whole. The key first: a node that reads
 * in between finds a key that does not fit, and waits.
 */
export function writeCertificate({ cert, key }: CertificatePaths, issued: IssuedCertificate): void {
  writeWhole(key, issued.key, 0o600);
  writeWhole(cert, issued.cert, 0o644);
}

/** Makes the directory for certificates when it is missing. */
export function makeDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
}

function writeWhole(path: string, text: string, mode: number): void {
  const beside = `${path}.new`;
  // An earlier one may have been made with another mode, which writing would keep.
  rmSync(beside, { force: true });
  writeFileSync(beside, text, { mode, flag: "wx" });
  renameSync(beside, path);
}
