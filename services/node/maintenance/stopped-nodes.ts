import { type Clock, sleep } from "../../kernel/clock.ts";
import { type Coordinator, leaseMs } from "../../mesh/coordinator.ts";

/** Beyond a lease, how long a node that was killed may stay listed, in milliseconds. */
const listedMsMax = leaseMs + 4_000;

/** Between two looks at the list, in milliseconds. */
const lookMs = 500;

/** Something is to be done for which all nodes have to be stopped, and some are not. */
export class NodesRunning extends Error {
  override readonly name = "NodesRunning";

  constructor(nodeIds: readonly string[]) {
    const [are, them] = nodeIds.length === 1 ? ["is", "it"] : ["are", "them"];
    super(`${nodeIds.join(", ")} ${are} running on this store: stop ${them} first`);
  }
}

/** How to wait for nodes to be gone. */
export interface StoppedNodesOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told once when there is something to wait for. */
  readonly onWait: (nodeIds: readonly string[]) => void;
}

/**
 * Makes sure that the coordinator lists no node. One that stopped in order is gone at once; one that was killed is listed
 * until its lease ends, so this waits for that long. Throws NodesRunning, and the signal's reason.
 */
export async function assertNodesStopped(
  coordinator: Pick<Coordinator, "list">,
  { clock, signal, onWait }: StoppedNodesOptions,
): Promise<void> {
  const endMs = clock.monotonicMs() + listedMsMax;
  let told = false;
  for (;;) {
    const nodeIds = (await coordinator.list()).map(({ nodeId }) => nodeId);
    if (nodeIds.length === 0) return;
    if (clock.monotonicMs() >= endMs) throw new NodesRunning(nodeIds);
    if (!told) onWait(nodeIds);
    told = true;
    await sleep(clock, lookMs, signal);
    signal.throwIfAborted();
  }
}
