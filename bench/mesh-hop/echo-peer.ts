// As the documentation of node:http2 shows: createServer, a handler of `stream`, and one session that is kept.
import { once } from "node:events";
import http2 from "node:http2";
import { answerTasks } from "../processes/child.ts";
import { type HopPeerTasks, monotonicUs, probeWith, sampleBytes } from "./hop-peer.ts";

/** Events of one write under load: as many as a frame between nodes holds at most. */
const eventsPerWrite = 64;

/** One stream, whose bytes come back as they are. */
class EchoPeer {
  #arrivedUs: number[] = [];
  #stream: http2.ClientHttp2Stream | undefined;
  #expectedBytes = 0;
  #onAll: () => void = () => undefined;

  async listen(): Promise<string> {
    const server = http2.createServer();
    server.on("stream", (stream) => {
      stream.respond();
      stream.on("data", (chunk: Buffer) => {
        this.#arrivedUs.push(monotonicUs());
        stream.write(chunk);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    return `http://127.0.0.1:${address.port}`;
  }

  async connect(address: string): Promise<void> {
    const session = http2.connect(address);
    const stream = session.request({ ":method": "POST", ":path": "/" });
    stream.on("data", (chunk: Buffer) => {
      this.#expectedBytes -= chunk.length;
      if (this.#expectedBytes <= 0) this.#onAll();
    });
    await once(stream, "response");
    this.#stream = stream;
  }

  async send(bytes: Buffer): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onAll = resolve;
    this.#expectedBytes = bytes.length;
    this.#stream?.write(bytes);
    await promise;
  }

  arrivals(): number[] {
    const arrived = this.#arrivedUs;
    this.#arrivedUs = [];
    return arrived;
  }

  async load(seconds: number): Promise<number> {
    const endMs = performance.now() + seconds * 1_000;
    const bytes = Buffer.concat(Array.from({ length: eventsPerWrite }, () => sampleBytes));
    let events = 0;
    for (; performance.now() < endMs; events += eventsPerWrite) await this.send(bytes);
    return events;
  }
}

const peer = new EchoPeer();
answerTasks<HopPeerTasks>({
  listen: () => peer.listen(),
  connect: ({ address }) => peer.connect(address),
  probe: (argument) => probeWith(argument, () => peer.send(sampleBytes)),
  arrivals: () => peer.arrivals(),
  load: ({ seconds }) => peer.load(seconds),
});
