import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import {
  type ChannelOptions,
  Client,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from "@grpc/grpc-js";
import { MeshService } from "../../gen/parley/mesh/v1/mesh_service_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { isLoopback } from "../rpc/loopback.ts";
import type { MutualTlsMaterial } from "../rpc/mutual-tls.ts";
import { listenForTcp, type TcpListener } from "../rpc/tcp-listener.ts";
import { GrpcStream, type GrpcStreamOptions } from "./grpc-stream.ts";
import { HeldCredentials } from "./held-credentials.ts";
import { linkLimits } from "./link-limits.ts";
import { cleartextMesh, type MeshIdentity, type MeshSecurity, securedMesh } from "./mesh-security.ts";
import { nodeNameOf } from "./node-certificate.ts";
import { RefusedPeers } from "./refused-peers.ts";
import type { FrameStream, MeshTransport } from "./transport.ts";

/** The longest frame, in bytes: it holds at most one item, one hint and one call of the largest kind. */
const frameBytesMax = 4 * linkLimits.bodyBytesMax;

/** Connections of other nodes. One needs a single one, and a second one while that is replaced. */
const connectionsMax = 1_000;

/** Streams of one connection. A link needs one, and each is dialled on a connection of its own. */
const streamsPerConnectionMax = 8;

/** A connection that is silent this long is asked whether it lives, and has this long to answer; in milliseconds. */
const keepaliveMs = 10_000;
const keepaliveTimeoutMs = 3_000;

const sharedOptions: ChannelOptions = {
  "grpc.max_receive_message_length": frameBytesMax,
  "grpc.max_send_message_length": frameBytesMax,
  "grpc.keepalive_time_ms": keepaliveMs,
  "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
  "grpc.enable_channelz": 0,
};

const clientOptions: ChannelOptions = {
  ...sharedOptions,
  "grpc.enable_retries": 0,
  // Channels to one address would share a connection, and what has befallen it.
  "grpc.use_local_subchannel_pool": 1,
  // Neither the proxy of the environment nor a look-up in DNS has a say in how nodes reach one another.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
};

const path = `/${MeshService.typeName}/${MeshService.method.link.name}`;

/** Frames are encoded already. */
const identity = (frame: Buffer): Buffer => frame;

const linkMethod = {
  path,
  requestStream: true,
  responseStream: true,
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
} as const;

/** Where a transport listens, and for whom. */
export interface GrpcTransportOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Unset: nothing is encrypted, and nobody has to say who they are, so `host` has to be one of this machine's loopback. */
  readonly identity?: MeshIdentity | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A transport over sockets. */
export interface GrpcTransport extends MeshTransport {
  /**
   * Connections from now on are made with this certificate; those that are there stay. Throws when it cannot be used, or the
   * transport is cleartext; then nothing changes.
   */
  useCertificate(material: MutualTlsMaterial): void;
}

/**
 * Creates the transport of one node over gRPC: a stream is one call of MeshService.Link on a connection of its own, so that
 * a connection that is stuck is replaced together with its stream. Throws when the certificate cannot be used, and when the
 * host is not on loopback and there is none.
 */
export function createGrpcTransport(options: GrpcTransportOptions): GrpcTransport {
  if (options.identity === undefined && !isLoopback(options.host)) {
    throw new Error(
      `the mesh cannot listen at ${options.host}: it is not encrypted, so it may be reached by this machine only; ` +
        "use 127.0.0.1, ::1 or localhost, or give the node a certificate (mesh.certificateFile)",
    );
  }
  return new SocketTransport(options);
}

class SocketTransport implements GrpcTransport {
  readonly #options: GrpcTransportOptions;
  readonly #server = new Server({
    ...sharedOptions,
    "grpc.max_concurrent_streams": streamsPerConnectionMax,
  });
  readonly #security: MeshSecurity;
  readonly #streams = new Set<GrpcStream>();
  #listener: TcpListener | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
    // What grpc-js is given is secured already, so that both ends judge certificates in one place.
    const connections = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    const accepted = connections.injectConnection.bind(connections);
    const parts = { accepted, refused: new RefusedPeers(options) };
    this.#security =
      options.identity === undefined ? cleartextMesh(parts) : securedMesh(options.identity, parts);
  }

  useCertificate(material: MutualTlsMaterial): void {
    this.#security.use(material);
  }

  dial(address: string, nodeId: string): FrameStream {
    const { secure } = this.#security;
    const held = new HeldCredentials(secure && ((socket) => secure(socket, nodeId)));
    const client = new Client(address, held, clientOptions);
    const call = client.makeBidiStreamRequest(path, identity, identity);
    const end = (): void => {
      call.cancel();
      client.close();
      held.release();
    };
    return this.#adopt({ call, end });
  }

  async listen(accept: (stream: FrameStream) => void): Promise<{ host: string; port: number }> {
    const { host, port } = this.#options;
    const link = (call: ServerDuplexStream<Buffer, Buffer>): void => this.#accept(call, accept);
    this.#server.addService({ link: linkMethod }, { link });
    const onConnection = (socket: Socket): void => this.#security.accept(socket);
    try {
      this.#listener = await listenForTcp({ host, port, connectionsMax, onConnection });
    } catch (thrown) {
      const { message } = thrownError(thrown);
      throw new Error(`cannot listen for other nodes at ${host}:${port}: ${message}`, { cause: thrown });
    }
    return { host, port: this.#listener.port };
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (const stream of this.#streams) stream.close();
    // Not left to grpc-js, which waits for the other side to read, or to close.
    await this.#listener?.stop();
    this.#server.forceShutdown();
  }

  #accept(call: ServerDuplexStream<Buffer, Buffer>, accept: (stream: FrameStream) => void): void {
    const provenNodeId = provenNode(call);
    // Never so: no connection is taken that has not proved whose it is. Should grpc-js change, nobody is let in unproved.
    if (this.#options.identity !== undefined && provenNodeId === undefined) call.end();
    else accept(this.#adopt({ call, end: () => call.end(), provenNodeId }));
  }

  #adopt(parts: Omit<GrpcStreamOptions, "onEnd">): GrpcStream {
    const stream = new GrpcStream({ ...parts, onEnd: (ended) => this.#streams.delete(ended) });
    this.#streams.add(stream);
    return stream;
  }
}

/** The node that the certificate of a call's connection names; undefined for cleartext. TLS has verified it. */
function provenNode(call: ServerDuplexStream<Buffer, Buffer>): string | undefined {
  const shown = call.getAuthContext().sslPeerCertificate;
  return shown && nodeNameOf(new X509Certificate(shown.raw))?.nodeId;
}
