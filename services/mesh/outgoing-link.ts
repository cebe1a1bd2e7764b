import { create } from "@bufbuild/protobuf";
import {
  type LinkHello,
  LinkHelloSchema,
  type LinkRefusal,
  LinkRefusalReason,
  type LinkWelcome,
} from "../../gen/parley/mesh/v1/link_pb.ts";
import { backoffDelayMs } from "../kernel/backoff.ts";
import type { Timer } from "../kernel/clock.ts";
import { CallTable } from "./call-table.ts";
import { HintQueue } from "./hint-queue.ts";
import type { RequestFrame } from "./link-frames.ts";
import type { EpochCause } from "./link-metrics.ts";
import { LinkOutage } from "./link-outage.ts";
import { LinkSender } from "./link-sender.ts";
import type { LinkSurroundings } from "./link-surroundings.ts";
import type { CallOutcome, EncodedItem, LinkStatus, OutgoingCall } from "./links.ts";
import type { NodeRecord } from "./node-record.ts";
import { OutgoingStream } from "./outgoing-stream.ts";
import { SettleQueue } from "./settle-queue.ts";

/** One link to another node, and whom it tells: never from inside a call of the link. */
export interface OutgoingLinkOptions extends LinkSurroundings {
  readonly self: NodeRecord;
  readonly peer: NodeRecord;
  /** Higher than those of all earlier links of this incarnation to that node. */
  readonly firstEpoch: bigint;
  /** The other node has nothing of what was sent before. */
  readonly onReset: () => void;
  /** `isUp` may have changed. May be called from inside a call of the link. */
  readonly onChanged: () => void;
}

type LinkState =
  /** Dialled when the timer runs out. */
  | { readonly kind: "waiting"; readonly isRefused: boolean; readonly timer: Timer }
  | { readonly kind: "dialled"; readonly stream: OutgoingStream }
  | { readonly kind: "closed" };

/** A link from this node to another one: what waits to be sent, and a stream that is dialled again whenever it ends. */
export class OutgoingLink {
  readonly #options: OutgoingLinkOptions;
  readonly #sender: LinkSender;
  readonly #hints: HintQueue;
  readonly #calls: CallTable;
  readonly #settling = new SettleQueue();
  readonly #outage: LinkOutage;
  #state: LinkState;
  /** Streams that ended since a pong came. */
  #failures = 0;
  #epochCause: EpochCause = "opened";
  #reason = "it is just being opened";

  constructor(options: OutgoingLinkOptions) {
    const { clock, logger, limits, peer, firstEpoch } = options;
    this.#options = options;
    this.#sender = new LinkSender(limits, firstEpoch);
    this.#hints = new HintQueue(limits);
    this.#calls = new CallTable(clock, limits);
    const { awayWarnMs, awayErrorMs } = limits;
    this.#outage = new LinkOutage({ clock, logger, nodeId: peer.nodeId, awayWarnMs, awayErrorMs });
    this.#state = this.#waiting(0);
  }

  get isUp(): boolean {
    return this.#stream?.isUp ?? false;
  }

  get epoch(): bigint {
    return this.#sender.epoch;
  }

  status(): LinkStatus {
    const { epoch, unacknowledged } = this.#sender;
    const { nodeId } = this.#options.peer;
    const roundTripMs = this.#stream?.roundTripMs;
    return { nodeId, epoch, unacknowledged, roundTripMs, ...this.#condition() };
  }

  send(item: EncodedItem): void {
    if (item.replaces !== undefined) this.#hint(item);
    else if (!this.#sender.push(item.bytes)) this.#overflowed();
    this.#stream?.wake();
  }

  async call(call: OutgoingCall): Promise<CallOutcome> {
    const outcome = this.isUp ? await this.#ask(call) : this.#notUp();
    this.#options.metrics.called(outcome.kind);
    return outcome;
  }

  settled(): Promise<void> {
    if (this.#sender.unacknowledged === 0) return Promise.resolve();
    return this.#settling.reached(this.#sender.lastSeq);
  }

  /** Ends the link for good; calls under way are lost. Nobody is told. */
  close(): void {
    if (this.#state.kind === "waiting") this.#state.timer.cancel();
    this.#drop("the link was given up");
    this.#settling.resolveAll();
    this.#state = { kind: "closed" };
  }

  get #stream(): OutgoingStream | undefined {
    return this.#state.kind === "dialled" ? this.#state.stream : undefined;
  }

  #condition(): Pick<LinkStatus, "state" | "reason"> {
    if (this.isUp) return { state: "up", reason: undefined };
    if (this.#stream?.isOpen === true) return { state: "suspected", reason: "it does not answer in time" };
    const isRefused = this.#state.kind === "waiting" && this.#state.isRefused;
    return { state: isRefused ? "refused" : "connecting", reason: this.#reason };
  }

  #hint(item: EncodedItem): void {
    // Without a stream nobody is there to hear it, and later it is worth nothing.
    const dropped = this.#stream?.isOpen === true ? this.#hints.push(item) : 1;
    this.#options.metrics.hintsDropped(dropped);
  }

  #ask(call: OutgoingCall): Promise<CallOutcome> {
    const outcome = this.#calls.open(call);
    this.#stream?.wake();
    return outcome;
  }

  #notUp(): CallOutcome {
    const { state, reason } = this.#condition();
    const { nodeId } = this.#options.peer;
    return { kind: "lost", message: `the link to ${nodeId} is ${state}: ${reason ?? "it was lost"}` };
  }

  #overflowed(): void {
    const { logger, peer } = this.#options;
    logger.warn("a node does not keep up: its link begins anew", { nodeId: peer.nodeId });
    this.#epochCause = "overflow";
    this.#settling.resolveAll();
    if (this.#state.kind === "dialled") this.#ended("the other node does not keep up");
  }

  #waiting(delayMs: number, isRefused = false): LinkState {
    const timer = this.#options.clock.after(delayMs, () => this.#dial());
    return { kind: "waiting", isRefused, timer };
  }

  #dial(): void {
    const { transport, peer, clock, limits, ownLag } = this.#options;
    const stream: OutgoingStream = new OutgoingStream({
      stream: transport.dial(peer.meshAddress, peer.nodeId),
      hello: this.#hello(),
      owner: {
        onWelcome: (welcome) => this.#onWelcome(welcome),
        onAck: (seq) => this.#onAck(seq),
        onResults: (results) => {
          for (const result of results) this.#calls.answer(result);
        },
        onVerdict: () => this.#onVerdict(),
        onEnded: (reason, refusal) => this.#ended(reason, refusal),
        takeFrame: () => this.#takeFrame(),
      },
      clock,
      limits,
      ownLag,
    });
    this.#state = { kind: "dialled", stream };
  }

  #hello(): LinkHello {
    const { self, peer } = this.#options;
    return create(LinkHelloSchema, {
      nodeId: self.nodeId,
      incarnation: self.incarnation,
      toNodeId: peer.nodeId,
      toIncarnation: peer.incarnation,
      protocolMin: self.protocolMin,
      protocolMax: self.protocolMax,
      epoch: this.#sender.epoch,
      version: self.version,
    });
  }

  #onWelcome({ received, protocol }: LinkWelcome): void {
    const { metrics, onReset, onChanged } = this.#options;
    const course = this.#sender.welcomed(Number(received));
    if (course === "forgotten") {
      this.#epochCause = "forgotten";
      this.#settling.resolveAll();
      this.#ended("the other node has forgotten what it received");
      return;
    }
    this.#settling.resolveUpTo(this.#sender.acked);
    this.#outage.opened({ protocol, epoch: this.#sender.epoch, course });
    if (course === "begun") {
      metrics.epochBegun(this.#epochCause);
      onReset();
    }
    onChanged();
  }

  #onAck(seq: number): void {
    this.#sender.acknowledge(seq);
    this.#settling.resolveUpTo(seq);
  }

  #onVerdict(): void {
    const { logger, peer, onChanged } = this.#options;
    if (this.isUp) this.#failures = 0;
    else logger.info("another node does not answer in time", { nodeId: peer.nodeId });
    onChanged();
    // What waits for its answers is better given to another node, which everybody is told before.
    if (!this.isUp) this.#calls.lose("the other node does not answer in time");
  }

  #ended(reason: string, refusal?: LinkRefusal): void {
    const { limits, rng, metrics } = this.#options;
    this.#drop(reason);
    if (refusal !== undefined) metrics.refused("other", refusal.reason);
    if (refusal?.reason === LinkRefusalReason.PROTOCOL) {
      this.#refused(refusal);
      return;
    }
    // Any other refusal passes: one of the two nodes does not know yet that the other, or itself, is another incarnation.
    this.#outage.failed(reason);
    this.#failures += 1;
    const delayMs = backoffDelayMs(limits.redial, this.#failures, rng.fraction()) ?? limits.redial.maxMs;
    this.#state = this.#waiting(delayMs);
    this.#options.onChanged();
  }

  #refused({ message }: LinkRefusal): void {
    const { logger, limits, peer } = this.#options;
    logger.warn("another node refuses the link", { nodeId: peer.nodeId, reason: message });
    this.#state = this.#waiting(limits.refusedPauseMs, true);
    this.#options.onChanged();
  }

  /** Ends the stream, if there is one, and everything that rests on it. */
  #drop(reason: string): void {
    this.#reason = reason;
    this.#stream?.close();
    this.#options.metrics.hintsDropped(this.#hints.clear());
    this.#calls.lose(reason);
  }

  #takeFrame(): Partial<RequestFrame> | undefined {
    if (!this.#sender.hasUnsent && this.#hints.size === 0 && !this.#calls.hasUnsent) return undefined;
    const { limits, metrics } = this.#options;
    const { frameItemsMax, frameBytesMax } = limits;
    const { firstSeq, items, resent } = this.#sender.next(frameItemsMax, frameBytesMax);
    const hints = this.#hints.take(frameItemsMax, frameBytesMax);
    const calls = this.#calls.takeUnsent(frameItemsMax, frameBytesMax);
    metrics.frameSent();
    metrics.itemsSent(items.length, resent);
    return { firstItemSeq: items.length > 0 ? firstSeq : 0, items, hints, calls };
  }
}
