import { type LinkHello, LinkRefusalReason } from "../../gen/parley/mesh/v1/link_pb.ts";
import { AcceptedStream, type Greeting } from "./accepted-stream.ts";
import type { RequestFrame } from "./link-frames.ts";
import { judgeHello, malformed, type Refusal } from "./link-greeting.ts";
import { LinkReceiver } from "./link-receiver.ts";
import type { LinkSurroundings } from "./link-surroundings.ts";
import type { LinkListener } from "./links.ts";
import type { NodeRecord } from "./node-record.ts";
import type { FrameStream } from "./transport.ts";

/** Any other refusal passes by itself, or is told by the node that is refused. */
const needsPeople: ReadonlySet<LinkRefusalReason> = new Set([
  LinkRefusalReason.PROTOCOL,
  LinkRefusalReason.IDENTITY,
]);

/** A node that has opened a link to this one. */
interface Sender {
  readonly receiver: LinkReceiver;
  /** The stream that counts: the newest, until it ends. */
  stream: AcceptedStream | undefined;
}

/** Who an acceptor tells. */
export interface LinkAcceptorOptions extends LinkSurroundings {
  readonly listener: LinkListener;
}

/**
 * Takes the streams that other nodes open, whether this node has heard of them or not: their lists may be newer. What was
 * received from a node is remembered over its streams, at least while it has one or is among those that `keep` names.
 */
export class LinkAcceptor {
  readonly #options: LinkAcceptorOptions;
  readonly #senders = new Map<string, Sender>();
  readonly #streams = new Set<AcceptedStream>();
  #self: NodeRecord | undefined;

  constructor(options: LinkAcceptorOptions) {
    this.#options = options;
  }

  /** Who this node is. What was opened to another incarnation of it ends. */
  identify(self: NodeRecord): void {
    const isOther = self.incarnation !== this.#self?.incarnation;
    this.#self = self;
    if (isOther) this.closeAll();
  }

  /** Forgets nodes that are not among these, unless they have a stream. */
  keep(nodeIds: ReadonlySet<string>): void {
    for (const [nodeId, { stream }] of this.#senders) {
      if (stream === undefined && !nodeIds.has(nodeId)) this.#senders.delete(nodeId);
    }
  }

  /** Takes a stream that another node has opened. */
  accept(stream: FrameStream): void {
    const accepted: AcceptedStream = new AcceptedStream({
      stream,
      surroundings: this.#options,
      greet: (frame) => this.#greet(accepted, frame),
      onEnded: (reason) => this.#ended(accepted, reason),
    });
    this.#streams.add(accepted);
  }

  /** Ends all streams. */
  closeAll(): void {
    for (const accepted of this.#streams) accepted.close("this node ends its links");
  }

  #greet(accepted: AcceptedStream, { hello }: RequestFrame): Greeting {
    if (hello === undefined)
      return this.#refuse(hello, malformed("the first frame of the link holds no hello"));
    const judged = judgeHello(hello, this.#self, accepted.provenNodeId);
    if (typeof judged === "object") return this.#refuse(hello, judged);
    const { nodeId, incarnation, epoch } = hello;
    const sender = this.#senderOf(nodeId);
    if (sender === undefined) return this.#refuse(hello, malformed("too many nodes have links to this one"));
    const verdict = sender.receiver.hello(incarnation, epoch);
    if (verdict === "outdated") return this.#refuse(hello, malformed(`epoch ${epoch} of the link is over`));
    sender.stream?.close("a newer stream of the node took its place");
    sender.stream = accepted;
    if (verdict === "reset") this.#options.listener.onIncomingReset(nodeId);
    return { from: nodeId, receiver: sender.receiver, protocol: judged };
  }

  /** Undefined when there are too many. */
  #senderOf(nodeId: string): Sender | undefined {
    const known = this.#senders.get(nodeId);
    if (known !== undefined) return known;
    const { sendersMax } = this.#options.limits;
    if (this.#senders.size >= sendersMax) this.keep(new Set());
    if (this.#senders.size >= sendersMax) return undefined;
    const sender: Sender = { receiver: new LinkReceiver(), stream: undefined };
    this.#senders.set(nodeId, sender);
    return sender;
  }

  #refuse(hello: LinkHello | undefined, refusal: Refusal): Refusal {
    const { logger, metrics } = this.#options;
    metrics.refused("self", refusal.reason);
    const level = needsPeople.has(refusal.reason) ? "warn" : "debug";
    logger[level]("a link of another node is refused", { nodeId: hello?.nodeId, reason: refusal.message });
    return refusal;
  }

  #ended(accepted: AcceptedStream, reason: string): void {
    this.#streams.delete(accepted);
    for (const [nodeId, sender] of this.#senders) {
      if (sender.stream !== accepted) continue;
      sender.stream = undefined;
      this.#options.logger.debug("a stream of another node has ended", { nodeId, reason });
    }
  }
}
