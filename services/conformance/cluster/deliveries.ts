import type { Entry } from "../../../gen/parley/message/v1/entry_pb.ts";
import type { SendRecord } from "../../history/history.ts";

/** When devices stored what was sent, to be held against the acknowledgements of the senders. */
export class Deliveries {
  readonly #storedMs = new Map<string, number[]>();

  /** A device has just stored this entry. */
  note({ conversationId, seq }: Pick<Entry, "conversationId" | "seq">): void {
    const key = keyOf(conversationId, seq);
    const moments = this.#storedMs.get(key);
    if (moments === undefined) this.#storedMs.set(key, [performance.now()]);
    else moments.push(performance.now());
  }

  /**
   * From the acknowledgement of each of these sends until each device had stored it, in milliseconds; 0 where the device
   * was first. Sends without an acknowledgement have none.
   */
  delaysMs(sends: readonly SendRecord[]): number[] {
    return sends.flatMap((send) =>
      this.#momentsOf(send).map((storedMs) => Math.max(0, storedMs - acknowledgedMs(send))),
    );
  }

  /**
   * From each of these sends until so many devices had stored it, in milliseconds; undefined as long as not all of them
   * have been.
   */
  lastMs(sends: readonly SendRecord[], devices: number): number[] | undefined {
    const moments = sends.map((send) => this.#momentsOf(send));
    if (moments.some(({ length }) => length < devices)) return undefined;
    return moments.map((stored, index) => Math.max(...stored) - (sends[index]?.beganMs ?? Number.NaN));
  }

  #momentsOf({ conversationId, outcome }: SendRecord): readonly number[] {
    if (outcome.kind !== "acknowledged") return [];
    return this.#storedMs.get(keyOf(conversationId, outcome.seq)) ?? [];
  }
}

function keyOf(conversationId: string, seq: bigint): string {
  return `${conversationId} ${seq}`;
}

function acknowledgedMs({ outcome }: SendRecord): number {
  return outcome.kind === "acknowledged" ? outcome.endedMs : Number.NaN;
}
