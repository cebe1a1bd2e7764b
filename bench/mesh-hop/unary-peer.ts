// As the documentation of grpc-js advises: a Server with a service definition, and one client over one channel that is kept.
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type Client,
  credentials,
  type MethodDefinition,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { type Signal, SignalSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { answerTasks } from "../processes/child.ts";
import { type HopPeerTasks, monotonicUs, probeWith, sampleSignal } from "./hop-peer.ts";

const inFlightMax = 64;
const connectMsMax = 5_000;

const encode = (signal: Signal): Buffer => Buffer.from(toBinary(SignalSchema, signal));
const decode = (bytes: Buffer): Signal => fromBinary(SignalSchema, bytes);

const take: MethodDefinition<Signal, Signal> = {
  path: "/bench.Hop/Take",
  requestStream: false,
  responseStream: false,
  requestSerialize: encode,
  requestDeserialize: decode,
  responseSerialize: encode,
  responseDeserialize: decode,
};

/** One event is one call, which is answered with as many bytes. */
class UnaryPeer {
  #arrivedUs: number[] = [];
  #client: Client | undefined;

  async listen(): Promise<string> {
    const server = new Server();
    server.addService(
      { take },
      { take: (call: { request: Signal }, answer: Answer) => this.#take(call, answer) },
    );
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(`127.0.0.1:${port}`);
      else reject(error);
    });
    return await promise;
  }

  async connect(address: string): Promise<void> {
    const HopClient = makeGenericClientConstructor({ take }, "bench.Hop");
    const client = new HopClient(address, credentials.createInsecure());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    client.waitForReady(Date.now() + connectMsMax, (error) =>
      error === undefined ? resolve() : reject(error),
    );
    await promise;
    this.#client = client;
  }

  call(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#client?.makeUnaryRequest(take.path, encode, decode, sampleSignal, (error) =>
      error === null ? resolve() : reject(error),
    );
    return promise;
  }

  arrivals(): number[] {
    const arrived = this.#arrivedUs;
    this.#arrivedUs = [];
    return arrived;
  }

  async load(seconds: number): Promise<number> {
    const endMs = performance.now() + seconds * 1_000;
    let events = 0;
    const worker = async (): Promise<void> => {
      for (; performance.now() < endMs; events += 1) await this.call();
    };
    await Promise.all(Array.from({ length: inFlightMax }, worker));
    return events;
  }

  #take({ request }: { readonly request: Signal }, answer: Answer): void {
    this.#arrivedUs.push(monotonicUs());
    answer(null, request);
  }
}

type Answer = (error: null, response: Signal) => void;

const peer = new UnaryPeer();
answerTasks<HopPeerTasks>({
  listen: () => peer.listen(),
  connect: ({ address }) => peer.connect(address),
  probe: (argument) => probeWith(argument, () => peer.call()),
  arrivals: () => peer.arrivals(),
  load: ({ seconds }) => peer.load(seconds),
});
