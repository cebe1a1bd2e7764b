import { constants, type X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import tls from "node:tls";
import { parseCertificates, type TlsIdentity } from "./certificates.ts";

/** What one side shows, and whom it believes. */
export interface MutualTlsMaterial extends TlsIdentity {
  /** The authorities, in PEM, whose certificates are taken. No others are: the system's own have no say. */
  readonly authority: string;
}

/** A connection whose other side has shown a valid certificate of the authority. Who that is, is for others to judge. */
export interface SecuredConnection {
  readonly socket: tls.TLSSocket;
  readonly certificate: X509Certificate;
}

/** The other side of a connection was turned away. The message is for logs, and holds no secret. */
export class RefusedPeer extends Error {
  override readonly name = "RefusedPeer";
  /** One of few words, for metrics. */
  readonly reason: string;
  /** What the other side has shown, valid or not. */
  readonly certificate: X509Certificate | undefined;

  constructor(reason: string, message: string, certificate?: X509Certificate) {
    super(message);
    this.reason = reason;
    this.certificate = certificate;
  }
}

/** What mutual TLS is made from. */
export interface MutualTlsOptions {
  readonly material: MutualTlsMaterial;
  /** How long the handshake of an accepted connection may take, in milliseconds. */
  readonly handshakeMsMax: number;
  readonly onAccepted: (connection: SecuredConnection) => void;
  /** An accepted connection is refused, and destroyed afterwards. What `onAccepted` throws is such a refusal, too. */
  readonly onRefused: (refusal: RefusedPeer, socket: Socket) => void;
}

/** TLS over connections that somebody else has made, with a certificate at both ends. */
export interface MutualTls {
  /** Handshakes that begin from now on are made with this. Throws when it cannot be used; then nothing changes. */
  use(material: MutualTlsMaterial): void;
  /** Makes the handshake as the side that was dialled, and tells how it ended. */
  accept(socket: Socket): void;
  /** Makes the handshake as the side that has dialled. Rejects with RefusedPeer; the socket is destroyed then. */
  connect(socket: Socket): Promise<SecuredConnection>;
}

/** Creates mutual TLS. Throws when the material cannot be used. */
export function createMutualTls(options: MutualTlsOptions): MutualTls {
  const { handshakeMsMax, onAccepted, onRefused } = options;
  let context = contextOptions(options.material);
  let dialling = tls.createSecureContext(context);
  const server = tls.createServer({
    ...context,
    ALPNProtocols: alpnProtocols,
    handshakeTimeout: handshakeMsMax,
    requestCert: true,
    // `verifiedCertificate` rejects instead: node would destroy the connection before anybody can say whose it was.
    rejectUnauthorized: false,
  });
  server.on("secureConnection", (socket) => {
    socket.on("error", () => undefined);
    try {
      onAccepted({ socket, certificate: verifiedCertificate(socket) });
    } catch (thrown) {
      onRefused(refusalOf(thrown), socket);
      socket.destroy();
    }
  });
  server.on("tlsClientError", (error, socket) => {
    onRefused(refusalOf(error), socket);
    socket.destroy();
  });
  return {
    use: (material) => {
      context = contextOptions(material);
      dialling = tls.createSecureContext(context);
      server.setSecureContext(context);
    },
    accept: (socket) => void server.emit("connection", socket),
    connect: (socket) => connect(socket, dialling),
  };
}

/** Both HTTP/2 ends want to hear it. */
const alpnProtocols = ["h2"];

function contextOptions({ key, cert, authority }: MutualTlsMaterial): tls.SecureContextOptions {
  // Without a single authority node would believe the system's.
  parseCertificates(authority);
  // A resumed session would be believed by what was verified when it began.
  return { key, cert, ca: authority, minVersion: "TLSv1.3", secureOptions: constants.SSL_OP_NO_TICKET };
}

function connect(socket: Socket, secureContext: tls.SecureContext): Promise<SecuredConnection> {
  return new Promise((resolve, reject) => {
    const secured = tls.connect({
      socket,
      secureContext,
      ALPNProtocols: alpnProtocols,
      // `verifiedCertificate` rejects, as at the other end. Names of hosts say nothing here: a certificate names a node.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    const refuse = (thrown: unknown): void => {
      secured.destroy();
      reject(refusalOf(thrown));
    };
    secured.on("error", refuse);
    secured.once("close", () => refuse(new Error("the connection was closed within the handshake")));
    secured.once("secureConnect", () => {
      try {
        resolve({ socket: secured, certificate: verifiedCertificate(secured) });
      } catch (thrown) {
        refuse(thrown);
      }
    });
  });
}

/** What the other side has shown. Throws RefusedPeer when that is nothing, or not of the authority and valid now. */
function verifiedCertificate(socket: tls.TLSSocket): X509Certificate {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw new RefusedPeer("no_certificate", "it shows no certificate");
  if (socket.authorized) return certificate;
  // Declared as an error, it is the code of one.
  const code = String(socket.authorizationError);
  if (code === "CERT_HAS_EXPIRED")
    throw new RefusedPeer("expired", `its certificate has expired at ${certificate.validTo}`, certificate);
  if (code === "CERT_NOT_YET_VALID")
    throw new RefusedPeer(
      "not_yet_valid",
      `its certificate is not valid before ${certificate.validFrom}`,
      certificate,
    );
  throw new RefusedPeer("untrusted", `its certificate is not of the authority: ${code}`, certificate);
}

/** What OpenSSL says when the other side begins with something else than TLS. */
const cleartextCodes: ReadonlySet<unknown> = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_HTTP_REQUEST",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
]);

function refusalOf(thrown: unknown): RefusedPeer {
  if (thrown instanceof RefusedPeer) return thrown;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const code = "code" in error ? error.code : undefined;
  return cleartextCodes.has(code)
    ? new RefusedPeer("cleartext", "it speaks no TLS")
    : new RefusedPeer("handshake", `the TLS handshake failed: ${error.message}`);
}
