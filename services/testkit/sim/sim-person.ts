import { GroupService } from "../../../gen/parley/message/v1/group_service_pb.ts";
import { ListDirection, MessageService } from "../../../gen/parley/message/v1/message_service_pb.ts";
import type { SendRecord } from "../../history/history.ts";
import { sleep } from "../../kernel/clock.ts";
import { groupConversationId } from "../../message/conversation-id.ts";
import { sendRequest } from "../send-request.ts";
import type { DeviceHabits } from "./device-habits.ts";
import { type EdgeClient, EdgeFailure } from "./edge-client.ts";
import type { SimDevice } from "./sim-device.ts";
import type { ChangeRecord, SimJournal } from "./sim-journal.ts";
import type { SimProcess } from "./sim-process.ts";

/** Sends that one device has without an outcome, at most. */
const unsettledMax = 8;

/** Of the things that a person does, how many are looks at the head of a conversation. */
const readRate = 0.05;

/** A call without a told delay is repeated after at most this long, in milliseconds. */
const repeatMsMax = 400;

/** Who works at a device. */
export interface SimPersonOptions {
  readonly process: SimProcess;
  readonly client: EdgeClient;
  readonly device: SimDevice;
  readonly habits: DeviceHabits;
  readonly journal: SimJournal;
  readonly addresses: () => readonly string[];
  /** Conversations that the person writes to now; may be empty. */
  readonly conversations: () => readonly string[];
  /** Nothing new is begun once it answers true. */
  readonly isOver: () => boolean;
}

/** A person who writes, reads heads, and changes groups, all by one device. */
export class SimPerson {
  readonly #options: SimPersonOptions;
  readonly #laneLengths = new Map<string, number>();
  #unsettled = 0;
  #count = 0;

  constructor(options: SimPersonOptions) {
    this.#options = options;
  }

  get accountId(): string {
    return this.#options.device.caller.accountId;
  }

  /** Writes now and then until it is over. */
  async write(): Promise<void> {
    const { process, habits, conversations, isOver } = this.#options;
    for (;;) {
      await sleep(process.clock, process.rng.fraction() * habits.thinkMsMax);
      if (isOver()) return;
      const known = conversations();
      if (known.length === 0 || this.#unsettled >= unsettledMax) continue;
      const conversationId = process.rng.pick(known);
      if (process.rng.fraction() < readRate) void this.#readHead(conversationId);
      else if (process.rng.fraction() < habits.streamRate) void this.#sendOnStream(conversationId);
      else void this.#sendUnary(conversationId);
    }
  }

  /** Creates a group: its id is known at once, `created` resolves when it is there, or can never be. */
  createGroup(memberIds: readonly string[]): { readonly id: string; readonly created: Promise<void> } {
    const requestId = this.#options.process.rng.uuid();
    const id = groupConversationId(this.accountId, requestId);
    const request = { requestId, name: "simulated", memberIds: [...memberIds] };
    const created = this.#change({ conversationId: id, requestId }, (address) =>
      this.#options.client.call(address, GroupService.method.createGroup, request),
    );
    return { id, created };
  }

  addMember(conversationId: string, accountId: string): Promise<void> {
    const request = { conversationId, requestId: this.#options.process.rng.uuid(), accountIds: [accountId] };
    return this.#change(request, (address) =>
      this.#options.client.call(address, GroupService.method.addMembers, request),
    );
  }

  removeMember(conversationId: string, accountId: string): Promise<void> {
    const request = { conversationId, requestId: this.#options.process.rng.uuid(), accountId };
    return this.#change(request, (address) =>
      this.#options.client.call(address, GroupService.method.removeMember, request),
    );
  }

  leaveGroup(conversationId: string): Promise<void> {
    const request = { conversationId, requestId: this.#options.process.rng.uuid() };
    return this.#change(request, (address) =>
      this.#options.client.call(address, GroupService.method.leaveGroup, request),
    );
  }

  async #sendOnStream(conversationId: string): Promise<void> {
    const { device, journal } = this.#options;
    const lane = `${device.caller.deviceId} ${conversationId}`;
    const laneIndex = this.#laneLengths.get(lane) ?? 0;
    this.#laneLengths.set(lane, laneIndex + 1);
    const record = this.#begin(conversationId, { way: "stream", lane, laneIndex });
    this.#unsettled += 1;
    const settlement = await device.sends.send(sendRequest(record), () => {
      record.tries += 1;
    });
    journal.settle(record, settlement);
    this.#unsettled -= 1;
  }

  async #sendUnary(conversationId: string): Promise<void> {
    const { client, journal } = this.#options;
    const record = this.#begin(conversationId, { way: "unary" });
    this.#unsettled += 1;
    try {
      const answer = await this.#repeat((address) => {
        record.tries += 1;
        return client.call(address, MessageService.method.sendMessage, sendRequest(record));
      });
      const { position, entryId } = answer;
      journal.settle(record, { kind: "acknowledged", seq: position?.seq ?? 0n, entryId });
    } catch (error) {
      if (!(error instanceof EdgeFailure)) throw error;
      journal.settle(record, { kind: "rejected", reason: error.reason });
    }
    this.#unsettled -= 1;
  }

  async #readHead(conversationId: string): Promise<void> {
    const { client, process, journal, addresses } = this.#options;
    const beganMs = journal.nowMs;
    const request = { conversationId, direction: ListDirection.BACKWARD, pageSize: 1 };
    try {
      const address = process.rng.pick(addresses());
      const { head } = await client.call(address, MessageService.method.listEntries, request);
      if (head === undefined) return;
      const read = { readerId: this.accountId, conversationId, beganMs, endedMs: journal.nowMs };
      journal.reads.push({ ...read, headSeq: head.seq });
    } catch (error) {
      if (!(error instanceof EdgeFailure)) throw error;
    }
  }

  /** Rejections are no news: somebody else may have changed the group before. */
  async #change(
    { conversationId, requestId }: Pick<ChangeRecord, "conversationId" | "requestId">,
    call: (address: string) => Promise<unknown>,
  ): Promise<void> {
    const { journal } = this.#options;
    const change: ChangeRecord = { conversationId, requestId, beganMs: journal.nowMs, endedMs: undefined };
    journal.changes.push(change);
    journal.changesOpen += 1;
    try {
      await this.#repeat(call);
      change.endedMs = journal.nowMs;
    } catch (error) {
      if (!(error instanceof EdgeFailure)) throw error;
    }
    journal.changesOpen -= 1;
  }

  /** Repeats a call at any node until it is answered for good. */
  async #repeat<T>(call: (address: string) => Promise<T>): Promise<T> {
    const { process, addresses } = this.#options;
    for (;;) {
      try {
        return await call(process.rng.pick(addresses()));
      } catch (error) {
        if (!(error instanceof EdgeFailure) || !error.mayRepeat) throw error;
        const { retryDelayMs = 0 } = error;
        // With jitter, so that those who were refused together do not come back together.
        await sleep(
          process.clock,
          retryDelayMs + process.rng.fraction() * Math.max(retryDelayMs, repeatMsMax),
        );
      }
    }
  }

  #begin(conversationId: string, way: Pick<SendRecord, "way" | "lane" | "laneIndex">): SendRecord {
    const { device, journal, process } = this.#options;
    const { accountId, deviceId } = device.caller;
    this.#count += 1;
    return journal.begin({
      ...way,
      senderId: accountId,
      deviceId,
      conversationId,
      clientMessageId: process.rng.uuid(),
      text: `${deviceId} ${this.#count}`,
    });
  }
}
