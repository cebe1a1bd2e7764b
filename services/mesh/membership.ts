import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import type { Coordinator } from "./coordinator.ts";
import { NodeMembership } from "./node-membership.ts";
import type { NodeRecord } from "./node-record.ts";
import type { NodeRecordChange } from "./own-record.ts";

export interface MembershipOptions {
  readonly coordinator: Coordinator;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** What the node says about itself at first. */
  readonly record: Omit<NodeRecord, "incarnation">;
}

/** A node's entry among the others: kept alive, written again when it changes, made anew when it was dropped. */
export interface Membership extends AsyncDisposable {
  /**
   * Registers and lists, and goes on doing so. Rejects when the coordinator cannot be asked for `startMsMax`, when another
   * process takes the node's id meanwhile, or with the reason of the signal; then it is stopped. Call it once.
   */
  start(signal?: AbortSignal): Promise<void>;
  /** This node under the incarnation that it registered last, with what it says about itself now. */
  self(): NodeRecord;
  /**
   * The last good list, by node id. It holds this node unless that listing lacked it, or nobody can tell because this
   * process was frozen; then this node owns nothing. Never holds another process that goes by this node's id.
   */
  nodes(): readonly NodeRecord[];
  /** `nodes()` holds this incarnation. */
  readonly listed: boolean;
  /** Another live process uses this node's id, so this one stays out of the list. */
  readonly conflict: boolean;
  /** It has been given a slot of ids. Others may list it, and hand commands to it, a moment before it knows. */
  readonly registered: boolean;
  /** The slot of ids that it was given last. Throws before it is registered. */
  readonly idSlot: number;
  /** Changes what the node says about itself. Written at once, a load alone once a second. Throws when it is out of range. */
  update(change: NodeRecordChange): void;
  /** Lists soon, because somebody said that the list has changed: at once, or `listGapMsMin` after the last listing. */
  refresh(): void;
  /** Calls `listener` after `self()`, `nodes()` or `conflict` have changed; never from inside a call. It must not throw. */
  onChange(listener: () => void): void;
  /** Takes the node out of the list and stops. Never rejects: what fails, or takes over `leaveMsMax`, ends with its lease. */
  leave(): Promise<void>;
  /** Stops without leaving; the coordinator is not stopped. Idempotent. */
  stop(): Promise<void>;
}

/** Takes nothing from the coordinator before `start`. Throws when the record is out of range. */
export function createMembership(options: MembershipOptions): Membership {
  return new NodeMembership(options);
}
