import { BoundedMap } from "../kernel/bounded-map.ts";
import type { SendOrder } from "./append-command.ts";

interface Progress {
  readonly sendEpoch: number;
  /** The only number that may be taken next; undefined after a send of the epoch failed. */
  readonly next: number | undefined;
}

/**
 * Keeps the sends of one stream to one conversation in order. An owner takes n only after n − 1 of the same send epoch;
 * anything else is answered `moved`, and the session gives all that is unanswered out again in a new send epoch, from 1.
 */
export interface SendEpochs {
  readonly size: number;
  /** True when the send is the next one of its stream here, which thereby is taken. */
  take(conversationId: string, order: SendOrder): boolean;
  /** A send that was taken has failed without being settled: none of its epoch may follow. */
  break(conversationId: string, order: SendOrder): void;
  /** A send that was taken may still go on: none before it has failed. */
  isWhole(conversationId: string, order: SendOrder): boolean;
}

/**
 * Creates an empty table for at most `streamsMax` pairs of stream and conversation. A pair that was forgotten costs its
 * stream one `moved`, never the order.
 */
export function createSendEpochs(streamsMax: number): SendEpochs {
  const table = new BoundedMap<string, Progress>({ limit: streamsMax });
  const keyOf = (conversationId: string, order: SendOrder): string => `${order.stream}/${conversationId}`;
  return {
    get size() {
      return table.size;
    },
    take(conversationId, { stream, sendEpoch, n }) {
      const key = keyOf(conversationId, { stream, sendEpoch, n });
      const before = table.get(key);
      const begins = n === 1 && (before === undefined || sendEpoch > before.sendEpoch);
      const follows = before?.sendEpoch === sendEpoch && before.next === n;
      if (!begins && !follows) return false;
      table.set(key, { sendEpoch, next: n + 1 });
      return true;
    },
    break(conversationId, order) {
      const key = keyOf(conversationId, order);
      const before = table.get(key);
      if (before === undefined || before.sendEpoch <= order.sendEpoch) {
        table.set(key, { sendEpoch: order.sendEpoch, next: undefined });
      }
    },
    isWhole(conversationId, order) {
      const before = table.get(keyOf(conversationId, order));
      return before?.sendEpoch === order.sendEpoch && before.next !== undefined;
    },
  };
}
