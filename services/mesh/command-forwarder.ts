import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import type { CommandCodec, CommandHandler } from "./command-codec.ts";
import type { IncomingCall } from "./links.ts";
import type { Mesh } from "./mesh.ts";
import type { Ownership } from "./ownership.ts";
import type { RouterMetrics } from "./router-metrics.ts";

/** How long one copy of a command is waited for, in milliseconds. */
export const commandCopyMsMax = 3_000;

/** How many commands may wait for links that are being opened. What comes when it is full goes to the next owner. */
export const commandsHeldMax = 1_000;

/** Failures are logged at most this often, in milliseconds. */
const warnPauseMs = 10_000;

/** What a forwarder works with. */
export interface ForwarderOptions<Command, Result> {
  readonly mesh: Pick<Mesh, "self" | "call">;
  readonly ownership: Pick<Ownership, "routeOf" | "servingNodeOf" | "isOpening" | "isSuspected">;
  readonly codec: CommandCodec<Command, Result>;
  readonly handle: CommandHandler<Command, Result>;
  /** Called before anything is sent to another node. */
  readonly beforeSend: (nodeId: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RouterMetrics;
}

/** Commands that wait for one link. */
interface Hold {
  readonly over: Promise<void>;
  readonly release: () => void;
}

/** Hands commands to the owners of their topics, one hop, and serves those that other nodes hand over. */
export class CommandForwarder<Command, Result> {
  readonly #options: ForwarderOptions<Command, Result>;
  readonly #holds = new Map<string, Hold>();
  /** Ends the wait for each command that is with an owner, by node id. */
  readonly #underWay = new Map<string, Set<() => void>>();
  #held = 0;
  #warnAgainMs = 0;
  #stopped = false;

  constructor(options: ForwarderOptions<Command, Result>) {
    this.#options = options;
  }

  /** Resolves with what the owner says, or with `moved` when that cannot be known. */
  command(topic: string, command: Command): Promise<Result> {
    const { nodeId, opening } = this.#options.ownership.routeOf(topic);
    if (!opening) return this.#give(nodeId, command);
    if (this.#held >= commandsHeldMax || this.#stopped) return this.#giveToServing(topic, command);
    return this.#hold(nodeId, topic, command);
  }

  /** Answers a command of another node: served here whatever this node's own ring says, so that there is one hop. */
  async serve(call: IncomingCall): Promise<Uint8Array> {
    const { codec, handle, mesh } = this.#options;
    if (this.#stopped || mesh.self().draining) return codec.encodeResult(codec.moved);
    return codec.encodeResult(await handle(codec.decode(call.body, call.expireMs)));
  }

  /** Owners have changed: what waited for a link that is up, or is given up, goes on in the order in which it came. */
  releaseHeld(): void {
    for (const [nodeId, hold] of this.#holds) {
      if (!this.#stopped && this.#options.ownership.isOpening(nodeId)) continue;
      this.#holds.delete(nodeId);
      hold.release();
    }
  }

  /** Owners have changed: what is with one that is passed over now is not waited for any more. */
  giveUpSuspected(): void {
    for (const [nodeId, waits] of this.#underWay) {
      if (!this.#options.ownership.isSuspected(nodeId)) continue;
      for (const giveUp of waits) giveUp();
    }
  }

  /** Takes no more commands of others, and holds none of this node's. */
  stop(): void {
    this.#stopped = true;
    this.releaseHeld();
  }

  /** Waits at most as long as the link may take to open, and only once. */
  async #hold(nodeId: string, topic: string, command: Command): Promise<Result> {
    this.#options.metrics.commandHeld();
    this.#held += 1;
    await this.#holdFor(nodeId).over;
    this.#held -= 1;
    return this.#giveToServing(topic, command);
  }

  #holdFor(nodeId: string): Hold {
    const known = this.#holds.get(nodeId);
    if (known !== undefined) return known;
    const { promise: over, resolve: release } = Promise.withResolvers<void>();
    const hold: Hold = { over, release };
    this.#holds.set(nodeId, hold);
    return hold;
  }

  #giveToServing(topic: string, command: Command): Promise<Result> {
    return this.#give(this.#options.ownership.servingNodeOf(topic), command);
  }

  #give(nodeId: string, command: Command): Promise<Result> {
    const { mesh, handle, metrics } = this.#options;
    if (nodeId !== mesh.self().nodeId) return this.#unlessGivenUp(nodeId, this.#forward(nodeId, command));
    metrics.command("local");
    return this.#unlessGivenUp(nodeId, handle(command));
  }

  async #unlessGivenUp(nodeId: string, answer: Promise<Result>): Promise<Result> {
    const { promise, resolve } = Promise.withResolvers<Result>();
    const giveUp = (): void => resolve(this.#options.codec.moved);
    const waits = this.#underWay.get(nodeId) ?? new Set();
    this.#underWay.set(nodeId, waits.add(giveUp));
    try {
      return await Promise.race([answer, promise]);
    } finally {
      waits.delete(giveUp);
      if (waits.size === 0 && this.#underWay.get(nodeId) === waits) this.#underWay.delete(nodeId);
    }
  }

  async #forward(nodeId: string, command: Command): Promise<Result> {
    const { codec, mesh, beforeSend, metrics } = this.#options;
    const timeoutMs = Math.max(1, Math.min(commandCopyMsMax, Math.floor(codec.leftMs(command))));
    beforeSend(nodeId);
    const outcome = await mesh.call(nodeId, { name: codec.name, body: codec.encode(command), timeoutMs });
    metrics.command(outcome.kind);
    if (outcome.kind === "lost") return codec.moved;
    if (outcome.kind === "failed") return this.#failed(nodeId, outcome.message);
    try {
      return codec.decodeResult(outcome.body);
    } catch (error) {
      return this.#failed(nodeId, thrownError(error).message);
    }
  }

  #failed(nodeId: string, reason: string): Result {
    const { clock, logger, codec } = this.#options;
    if (clock.monotonicMs() >= this.#warnAgainMs) {
      this.#warnAgainMs = clock.monotonicMs() + warnPauseMs;
      logger.warn("another node could not serve a command", { nodeId, call: codec.name, reason });
    }
    return codec.moved;
  }
}
