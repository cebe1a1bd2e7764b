import type { AppendOutcome } from "./ports.ts";

/** What happens to each item of a batch once the store has answered; every item is in exactly one list. */
export interface BatchPlan<Item> {
  /** Durable: publish, raise heads (unless `headsRaised`), run effects, answer. */
  readonly committed: readonly Item[];
  readonly headsRaised: boolean;
  /** Not written and in doubt: their conversation must be read before they get new numbers. The first met an index. */
  readonly withdrawn: readonly Item[];
  /** Not tried, and in no doubt: submit them again at once with the numbers they have. */
  readonly resubmit: readonly Item[];
  /** Not written: answer so. */
  readonly refused: readonly Item[];
  /** May be written, now or later: their conversations must be read back before another number is used. */
  readonly unknown: readonly Item[];
  /** Why items were refused or are unknown, for the log. */
  readonly cause: unknown;
}

/** Something that belongs to one conversation. */
export interface OfConversation {
  readonly conversationId: string;
}

/** Decides what follows from the store's answer to a batch. */
export function planAfter<Item extends OfConversation>(
  items: readonly Item[],
  outcome: AppendOutcome,
): BatchPlan<Item> {
  const nothing = {
    committed: [],
    headsRaised: false,
    withdrawn: [],
    resubmit: [],
    refused: [],
    unknown: [],
    cause: undefined,
  };
  switch (outcome.kind) {
    case "committed":
      return { ...nothing, committed: items, headsRaised: outcome.headsRaised };
    case "refused":
      return { ...nothing, refused: items, cause: outcome.cause };
    case "unknown":
      return { ...nothing, unknown: items, cause: outcome.cause };
    case "duplicate": {
      const met = items[outcome.index]?.conversationId;
      const rest = items.slice(outcome.index);
      return {
        ...nothing,
        committed: items.slice(0, outcome.index),
        headsRaised: outcome.headsRaised,
        withdrawn: rest.filter((item) => item.conversationId === met),
        resubmit: rest.filter((item) => item.conversationId !== met),
      };
    }
  }
}
