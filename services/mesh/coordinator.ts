import type { NodeRecord } from "./node-record.ts";
import type { EpochMark } from "./ports.ts";

/** How long a node stays listed after its last heartbeat, in milliseconds. At least; a coordinator may be late. */
export const leaseMs = 10_000;

/** A node's entry in the list of nodes, for as long as it is kept alive. */
export interface Registration {
  /** The slot of ids: no other listed node has it. 0 to 1022; two holders would be safe, only slower. */
  readonly idSlot: number;
  /**
   * Keeps the entry alive and writes what changed; call it every `leaseMs / 4` at the latest. `lost` means that the entry
   * is gone, so that the node has to register again; `replaced` that another process registered under its node id.
   * Rejects when the coordinator cannot be asked now, which says nothing about the entry.
   */
  renew(record: NodeRecord): Promise<"kept" | "lost" | "replaced">;
  /** Takes the entry out at once, unless it is gone. Rejects as `renew` does; then it goes with its lease. */
  leave(): Promise<void>;
}

/**
 * Where nodes find one another. Nothing that is promised to clients rests on it: a list may be old, an entry may outlive
 * its node, and two nodes may own a topic at once. Adapters pass `fixtures/coordinator.contract.ts`.
 */
export interface Coordinator extends AsyncDisposable {
  /**
   * Enters a node, in place of an entry that has its node id. Rejects when it cannot be done now; it may have been done
   * all the same, and another call is always right.
   */
  register(record: NodeRecord): Promise<Registration>;
  /** All nodes that are alive as far as is known, by node id. Rejects when it cannot be asked now. */
  list(): Promise<readonly NodeRecord[]>;
  /**
   * Calls `onHint` soon after the list may have changed, until the function that it returns is called. A hint may be
   * missing or come for nothing: list from time to time all the same.
   */
  watch(onHint: () => void): () => void;
  /**
   * The highest mark of the store that it was told of, each part for itself; epoch 1 and tick 0 before that. It outlives all
   * nodes, and a restore of the store does not touch it. Rejects when it cannot be asked now.
   */
  readMark(): Promise<EpochMark>;
  /** Raises each part of the mark to at least the one given. Rejects when that cannot be done now; it may have been done. */
  raiseMark(mark: EpochMark): Promise<void>;
  /** Ends watches and gives back files and connections. Entries stay until their lease ends. Idempotent. */
  stop(): Promise<void>;
}
