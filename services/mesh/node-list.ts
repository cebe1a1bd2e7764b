import type { Clock, Timer } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import type { NodeRecord } from "./node-record.ts";
import { areEqual } from "./own-record.ts";

/** The nodes as one of them knows them, and who wants to hear when that changes. */
export class NodeList {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ownNodeId: string;
  readonly #listeners: (() => void)[] = [];
  #nodes: readonly NodeRecord[] = [];
  #turn: Timer | undefined;

  constructor(ownNodeId: string, clock: Clock, logger: Logger) {
    this.#ownNodeId = ownNodeId;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** By node id. The same array as long as nothing in it changes. */
  get nodes(): readonly NodeRecord[] {
    return this.#nodes;
  }

  get holdsOwn(): boolean {
    return this.#nodes.some(({ nodeId }) => nodeId === this.#ownNodeId);
  }

  replace(nodes: readonly NodeRecord[]): void {
    const before = this.#nodes;
    if (nodes.length === before.length && nodes.every((node, at) => isSame(node, before[at]))) return;
    this.#nodes = nodes;
    this.changed();
  }

  /** Leaves out whatever goes by this node's id. */
  replaceByOthers(nodes: readonly NodeRecord[]): void {
    this.replace(nodes.filter(({ nodeId }) => nodeId !== this.#ownNodeId));
  }

  dropOwn(): void {
    this.replaceByOthers(this.#nodes);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Tells the listeners in the next turn, once for all changes until then. */
  changed(): void {
    this.#turn ??= this.#clock.nextTurn(() => {
      this.#turn = undefined;
      for (const listener of this.#listeners) this.#tell(listener);
    });
  }

  /** Changes that nobody was told of yet, nobody will be. */
  stop(): void {
    this.#turn?.cancel();
  }

  #tell(listener: () => void): void {
    try {
      listener();
    } catch (thrown) {
      this.#logger.error("a listener of the membership failed", { error: thrownError(thrown) });
    }
  }
}

function isSame(node: NodeRecord, before: NodeRecord | undefined): boolean {
  return before !== undefined && areEqual(node, before);
}
