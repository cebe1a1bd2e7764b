import { type Finding, startFinding } from "./finding.ts";
import type { HeadRead, SendRecord } from "./history.ts";

interface Acknowledged {
  readonly send: SendRecord;
  readonly seq: bigint;
  readonly endedMs: number;
}

/** The sends of one lane (one device's stream to one conversation) have rising numbers in the order they were made. */
export function checkLaneOrder(sends: readonly SendRecord[]): Finding {
  const finding = startFinding("pipelined sends in order");
  const laned = acknowledged(sends).filter(({ send }) => send.lane !== undefined);
  for (const [lane, members] of Map.groupBy(laned, ({ send }) => send.lane)) {
    const ordered = members.toSorted((a, b) => (a.send.laneIndex ?? 0) - (b.send.laneIndex ?? 0));
    let before: Acknowledged | undefined;
    for (const one of ordered) {
      finding.examine();
      if (before !== undefined && one.seq <= before.seq) {
        finding.violate(
          `${lane}: send ${one.send.laneIndex} is at ${one.seq}, send ${before.send.laneIndex} before it at ${before.seq}`,
        );
      }
      before = one;
    }
  }
  return finding.finish();
}

/** A send that began after another one's acknowledgement had arrived has a higher number. */
export function checkRealTimeOrder(sends: readonly SendRecord[]): Finding {
  const finding = startFinding("real-time order");
  const byConversation = Map.groupBy(acknowledged(sends), ({ send }) => send.conversationId);
  for (const [conversationId, members] of byConversation) {
    const ended = members.toSorted((a, b) => a.endedMs - b.endedMs);
    const sweep = highestBefore(ended);
    for (const { send, seq } of members.toSorted((a, b) => a.send.beganMs - b.send.beganMs)) {
      finding.examine();
      const highest = sweep(send.beganMs);
      if (seq <= highest) {
        finding.violate(`${conversationId}: ${seq} began after ${highest} had been acknowledged`);
      }
    }
  }
  return finding.finish();
}

/** Whoever reads the head after an acknowledgement of their own sees that message. */
export function checkOwnWrites(sends: readonly SendRecord[], reads: readonly HeadRead[]): Finding {
  const finding = startFinding("own writes are read");
  const key = (accountId: string, conversationId: string): string => `${accountId} ${conversationId}`;
  const written = Map.groupBy(acknowledged(sends), ({ send }) => key(send.senderId, send.conversationId));
  for (const [owner, ownReads] of Map.groupBy(reads, (read) => key(read.readerId, read.conversationId))) {
    const sweep = highestBefore((written.get(owner) ?? []).toSorted((a, b) => a.endedMs - b.endedMs));
    for (const read of ownReads.toSorted((a, b) => a.beganMs - b.beganMs)) {
      finding.examine();
      const highest = sweep(read.beganMs);
      if (read.headSeq < highest) {
        finding.violate(`${owner}: read the head ${read.headSeq} after ${highest} had been acknowledged`);
      }
    }
  }
  return finding.finish();
}

/** Whoever looks at the head again sees no less than at a look before, at whichever node. */
export function checkReadsRise(reads: readonly HeadRead[]): Finding {
  const finding = startFinding("reads never go back");
  const seen = reads.map((read) => ({ ...read, seq: read.headSeq }));
  for (const [reader, own] of Map.groupBy(seen, (read) => `${read.readerId} ${read.conversationId}`)) {
    const sweep = highestBefore(own.toSorted((a, b) => a.endedMs - b.endedMs));
    for (const read of own.toSorted((a, b) => a.beganMs - b.beganMs)) {
      finding.examine();
      const highest = sweep(read.beganMs);
      if (read.headSeq < highest)
        finding.violate(`${reader}: read the head ${read.headSeq} after ${highest}`);
    }
  }
  return finding.finish();
}

/** Answers, for moments that only rise, the highest number that had been heard of before that moment. */
function highestBefore(ended: readonly Pick<Acknowledged, "seq" | "endedMs">[]): (moment: number) => bigint {
  let next = 0;
  let highest = 0n;
  return (moment) => {
    for (let one = ended[next]; one !== undefined && one.endedMs < moment; one = ended[next]) {
      if (one.seq > highest) highest = one.seq;
      next += 1;
    }
    return highest;
  };
}

function acknowledged(sends: readonly SendRecord[]): Acknowledged[] {
  return sends.flatMap((send) => {
    const { outcome } = send;
    return outcome.kind === "acknowledged" ? [{ send, seq: outcome.seq, endedMs: outcome.endedMs }] : [];
  });
}
