// As the documentation of connect-node advises: the adapter on an HTTP/2 server, and an async generator as the handler.
import { once } from "node:events";
import http2 from "node:http2";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { EventSchema } from "../../gen/parley/session/v1/session_pb.ts";
import {
  type ReceiveResponse,
  ReceiveResponseSchema,
  SessionService,
} from "../../gen/parley/session/v1/session_service_pb.ts";
import { answerTasks } from "../processes/child.ts";
import { everyInterval, memoryNow, type PeerTasks } from "./peer-tasks.ts";

/** Messages that wait for one client's handler. */
class Mailbox {
  readonly #waiting: ReceiveResponse[] = [];
  #wake = Promise.withResolvers<void>();

  put(message: ReceiveResponse): void {
    this.#waiting.push(message);
    this.#wake.resolve();
  }

  /** Everything that waits, as soon as there is something. */
  async take(): Promise<ReceiveResponse[]> {
    await this.#wake.promise;
    this.#wake = Promise.withResolvers();
    return this.#waiting.splice(0);
  }
}

/** The mailboxes of all streams that are open. */
class Audience {
  readonly #mailboxes = new Set<Mailbox>();

  get size(): number {
    return this.#mailboxes.size;
  }

  tell(message: ReceiveResponse): void {
    for (const mailbox of this.#mailboxes) mailbox.put(message);
  }

  /** The handler: one message at once, so that the client knows that the stream is open, then what is told. */
  async *receive(context: HandlerContext): AsyncGenerator<ReceiveResponse> {
    const mailbox = new Mailbox();
    this.#mailboxes.add(mailbox);
    context.signal.addEventListener("abort", () => this.#mailboxes.delete(mailbox));
    yield responseOf(1, 0);
    for (;;) yield* await mailbox.take();
  }
}

/** A frame with entries that are encoded to about as many bytes as the node's. */
function responseOf(events: number, eventBytes: number): ReceiveResponse {
  const entry: MessageInitShape<typeof EventSchema> = {
    kind: {
      case: "entry",
      value: {
        conversationId: "g-00000000000000000000000000000000",
        epoch: 1n,
        seq: 1n,
        body: {
          case: "message",
          value: { kind: { case: "text", value: { text: "x".repeat(Math.max(0, eventBytes - 53)) } } },
        },
      },
    },
  };
  return create(ReceiveResponseSchema, {
    frame: { events: Array.from({ length: events }, () => create(EventSchema, entry)), firstDeliveryId: 1n },
  });
}

const audience = new Audience();
const server = http2.createServer(
  connectNodeAdapter({
    routes: (router) =>
      router.service(SessionService, { receive: (_, context) => audience.receive(context) }),
  }),
);

answerTasks<PeerTasks>({
  listen: async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    return `http://127.0.0.1:${address.port}`;
  },
  push: (plan) => {
    const message = responseOf(plan.events, plan.eventBytes);
    return everyInterval(plan, () => audience.tell(message));
  },
  clients: () => audience.size,
  memory: memoryNow,
});
