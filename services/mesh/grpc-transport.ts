import {
  type ChannelOptions,
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from "@grpc/grpc-js";
import { MeshService } from "../../gen/parley/mesh/v1/mesh_service_pb.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { listenForTcp, type TcpListener } from "../rpc/tcp-listener.ts";
import { GrpcStream, type GrpcStreamOptions } from "./grpc-stream.ts";
import { HeldCredentials } from "./held-credentials.ts";
import { linkLimits } from "./link-limits.ts";
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

/** Where a transport listens. */
export interface GrpcTransportOptions {
  /** An address of this machine's loopback: nothing is encrypted, and nobody has to say who they are. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/**
 * Creates the transport of one node over gRPC: a stream is one call of MeshService.Link on a connection of its own, so that
 * a connection that is stuck is replaced together with its stream. Throws when the host is not on loopback.
 */
export function createGrpcTransport(options: GrpcTransportOptions): MeshTransport {
  if (!isLoopback(options.host)) {
    throw new Error(
      `the mesh cannot listen at ${options.host}: it is not encrypted, so it may be reached by this machine only; ` +
        "use 127.0.0.1, ::1 or localhost",
    );
  }
  return new GrpcTransport(options);
}

class GrpcTransport implements MeshTransport {
  readonly #options: GrpcTransportOptions;
  readonly #server = new Server({
    ...sharedOptions,
    "grpc.max_concurrent_streams": streamsPerConnectionMax,
  });
  readonly #streams = new Set<GrpcStream>();
  #listener: TcpListener | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  dial(address: string): FrameStream {
    const held = new HeldCredentials(credentials.createInsecure());
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
    const link = (call: ServerDuplexStream<Buffer, Buffer>): void =>
      accept(this.#adopt({ call, end: () => call.end() }));
    this.#server.addService({ link: linkMethod }, { link });
    const connections = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    const onConnection = connections.injectConnection.bind(connections);
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

  #adopt(parts: Omit<GrpcStreamOptions, "onEnd">): GrpcStream {
    const stream = new GrpcStream({ ...parts, onEnd: (ended) => this.#streams.delete(ended) });
    this.#streams.add(stream);
    return stream;
  }
}

/** 127.0.0.0/8, ::1 and their name. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
