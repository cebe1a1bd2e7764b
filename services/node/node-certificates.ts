import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { GrpcTransport } from "../mesh/grpc-transport.ts";
import type { MeshIdentity } from "../mesh/mesh-security.ts";
import { checkNodeIdentity, type NodeName } from "../mesh/node-certificate.ts";
import { parseIdentity, type TlsIdentity } from "../rpc/certificates.ts";
import type { OnePortServer } from "../rpc/one-port-server.ts";
import { CertificateFiles } from "./certificate-files.ts";
import type { NodeConfig } from "./config.ts";
import { meshCertificatePaths } from "./mesh-settings.ts";

/** What the certificates of a node are read with. */
export interface NodeCertificatesOptions {
  readonly config: NodeConfig;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The certificates of a node's ports; undefined for a port that has none. */
export interface NodeCertificates {
  readonly mesh: MeshIdentity | undefined;
  readonly tls: TlsIdentity | undefined;
  /** Takes up what changes in the files from now on. */
  start(ports: { readonly mesh: GrpcTransport; readonly tls: OnePortServer | undefined }): void;
  stop(): void;
}

/** Reads the files that are configured. Rejects, with a sentence, when they cannot be used. */
export async function openNodeCertificates(options: NodeCertificatesOptions): Promise<NodeCertificates> {
  const self = { cluster: options.config["cluster.name"], nodeId: options.nodeId };
  const mesh = await openMesh(options, self);
  const tls = await openTls(options);
  return {
    mesh: mesh && { self, material: mesh.current },
    tls: tls?.current,
    start: (ports) => {
      mesh?.start((material) => ports.mesh.useCertificate(material));
      tls?.start((identity) => ports.tls?.useCertificate(identity));
    },
    stop: () => {
      mesh?.stop();
      tls?.stop();
    },
  };
}

async function openMesh(
  options: NodeCertificatesOptions,
  self: NodeName,
): Promise<CertificateFiles | undefined> {
  const paths = meshCertificatePaths(options.config);
  if (paths === undefined) return undefined;
  const check = (material: Parameters<typeof checkNodeIdentity>[0]) => checkNodeIdentity(material, self);
  return CertificateFiles.open({ ...options, port: "mesh", paths, check });
}

async function openTls(options: NodeCertificatesOptions): Promise<CertificateFiles | undefined> {
  const { "tls.certificateFile": cert, "tls.keyFile": key } = options.config;
  if (cert === undefined || key === undefined) return undefined;
  return CertificateFiles.open({ ...options, port: "tls", paths: { cert, key }, check: parseIdentity });
}
