import { ListDirection } from "../../../gen/parley/message/v1/message_service_pb.ts";
import type { HeadRead } from "../../history/history.ts";
import type { SeededRng } from "../../testkit/seeded-rng.ts";
import type { Device } from "../harness/device.ts";
import type { Member } from "../harness/member.ts";
import { pause } from "../harness/pause.ts";
import type { SendJournal } from "../harness/send-journal.ts";
import { repeatCall } from "../harness/user.ts";

/** Sends that one user has under way at once. */
const underWayMax = 8;

/** The longest pause of a user between two sends, in milliseconds. */
const thinkMsMax = 20;

/** One send in so many is followed by a look at the head. */
const readEvery = 16;

/** What one user does under load. */
export interface CrashUser extends Member {
  readonly rng: SeededRng;
}

/**
 * Lets a user send until the signal ends it: to a conversation by chance, by stream or by unary call by chance, a few
 * at a time. Resolves when everything that was begun has its outcome.
 */
export async function loadUser(
  { device, conversations, rng }: CrashUser,
  options: { readonly journal: SendJournal; readonly reads: HeadRead[]; readonly signal: AbortSignal },
): Promise<void> {
  const { journal, reads, signal } = options;
  const underWay = new Set<Promise<void>>();
  for (let count = 0; !signal.aborted; count += 1) {
    const conversationId = rng.pick(conversations);
    const onStream = rng.fraction() < 0.5;
    const text = `${device.user.handle} ${count}`;
    const one = async (): Promise<void> => {
      if (onStream) await journal.sendOnStream(device, conversationId, text);
      else await journal.sendUnary(device, conversationId, text);
      if (count % readEvery === 0) reads.push(await readHead(device, conversationId));
    };
    const running = one().finally(() => underWay.delete(running));
    underWay.add(running);
    if (underWay.size >= underWayMax) await Promise.race(underWay);
    await pause(rng.fraction() * thinkMsMax, signal);
  }
  await Promise.all(underWay);
}

async function readHead({ user }: Device, conversationId: string): Promise<HeadRead> {
  const request = { conversationId, direction: ListDirection.BACKWARD, pageSize: 1 };
  for (;;) {
    const beganMs = performance.now();
    const page = await repeatCall(() => user.messages.listEntries(request));
    const headSeq = page.entries[0]?.seq;
    if (headSeq !== undefined) {
      return { readerId: user.accountId, conversationId, beganMs, endedMs: performance.now(), headSeq };
    }
  }
}
