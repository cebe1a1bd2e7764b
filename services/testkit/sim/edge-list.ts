import type { Entry } from "../../../gen/parley/message/v1/entry_pb.ts";
import { MessageService } from "../../../gen/parley/message/v1/message_service_pb.ts";
import { sleep } from "../../kernel/clock.ts";
import { type EdgeClient, EdgeFailure } from "./edge-client.ts";
import type { SimProcess } from "./sim-process.ts";

/** Calls that may fail in a row. */
const failuresMax = 4;

/** Entries that a device lists at a time. */
const pageSize = 100;

/** Where a device calls. */
export interface ListOptions {
  readonly process: SimProcess;
  readonly client: EdgeClient;
  readonly addresses: () => readonly string[];
}

/** What is listed. */
export interface Listing {
  readonly conversationId: string;
  readonly seq: bigint;
  /** How far the device has come. */
  readonly held: () => bigint;
  readonly store: (entry: Entry) => void;
  /** Nobody waits for it any more. */
  readonly isOver: () => boolean;
}

/** Lists and stores what lies between the position held and `seq`, that one included. False when that cannot be done now. */
export async function listUpTo(options: ListOptions, listing: Listing): Promise<boolean> {
  const { process, client, addresses } = options;
  const { conversationId, seq, held, store, isOver } = listing;
  let failures = 0;
  while (held() < seq && !isOver()) {
    try {
      const before = held();
      const request = { conversationId, seq: before, pageSize };
      const page = await client.call(
        process.rng.pick(addresses()),
        MessageService.method.listEntries,
        request,
      );
      if (isOver()) return false;
      for (const entry of page.entries) store(entry);
      if (held() === before) return false;
      failures = 0;
    } catch (error) {
      if (!(error instanceof EdgeFailure)) throw error;
      failures += 1;
      if (!error.mayRepeat || failures > failuresMax) return false;
      await sleep(process.clock, error.retryDelayMs ?? 200);
    }
  }
  return true;
}
