import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JsonValue, toJson } from "@bufbuild/protobuf";
import { ListConversationsResponseSchema } from "../../../gen/parley/message/v1/conversation_service_pb.ts";
import type { ListedLog } from "../../history/history.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { Device } from "../harness/device.ts";
import { listLog } from "../harness/listed-log.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { createGroup } from "../harness/member.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";
import { SendJournal } from "../harness/send-journal.ts";
import { directConversationId, registerUsers, type User } from "../harness/user.ts";

/** How long anything may take that is waited for, in milliseconds; only hangs take that long. */
const waitMsMax = 30_000;

/** All that a user is told of what there is. */
export interface ListedWorld {
  readonly logs: readonly ListedLog[];
  readonly conversations: JsonValue;
}

/** A node, and then another one on another store, with a device of one user that lives through it. */
export class CopiedWorld implements AsyncDisposable {
  readonly directory: string;
  readonly device: Device;
  readonly groupId: string;
  readonly directId: string;
  readonly #started = new AsyncDisposableStack();
  readonly #journal = new SendJournal(new AbortController().signal);
  readonly #users: readonly [User, User];
  #node: ParleyProcess;

  private constructor(
    node: ParleyProcess,
    {
      directory,
      users,
      groupId,
    }: Pick<CopiedWorld, "directory" | "groupId"> & {
      readonly users: readonly [User, User];
    },
  ) {
    const [alice, bob] = users;
    this.directory = directory;
    this.#node = node;
    this.#users = users;
    this.groupId = groupId;
    this.directId = directConversationId(alice.accountId, bob.accountId);
    this.device = new Device({ user: bob, way: "receive", place: () => bob.at(this.#node.publicUrl) });
    this.#started.use(this.device.start());
  }

  /** Starts a node with a group that one of three has left, a direct conversation, and a read mark. */
  static async start(): Promise<CopiedWorld> {
    await using started = new AsyncDisposableStack();
    const directory = mkdtempSync(join(tmpdir(), "parley-copies-"));
    started.defer(() => rmSync(directory, { recursive: true, force: true }));
    const dataDirectory = join(directory, "data");
    const node = started.use(await startParley({ dataDirectory, flags: loadFlags }));
    const [alice, bob, carol] = await registerUsers(node.publicUrl, "user", 3);
    if (alice === undefined || bob === undefined || carol === undefined) throw new Error("three were made");
    const groupId = await createGroup("copied", [alice, bob, carol]);
    const removed = { conversationId: groupId, requestId: randomUUID(), accountId: carol.accountId };
    await alice.groups.removeMember(removed);
    const world = new CopiedWorld(node, { directory, users: [alice, bob], groupId });
    world.#started.use(started.move());
    for (let index = 0; index < 3; index += 1) {
      await world.say(groupId, `in the group ${index}`);
      await world.say(world.directId, `between us ${index}`);
    }
    await bob.conversations.markRead({ conversationId: groupId, seq: 3n });
    return world;
  }

  get node(): ParleyProcess {
    return this.#node;
  }

  /** Sends a message, and waits until the device holds its conversation up to there. */
  async say(conversationId: string, text: string): Promise<void> {
    const [alice] = this.#users;
    const sender = new Device({ user: alice.at(this.#node.publicUrl), way: "attach" });
    const { outcome } = await this.#journal.sendUnary(sender, conversationId, text);
    if (outcome.kind !== "acknowledged") throw new Error(`the message was ${outcome.kind}`);
    const held = (): boolean => this.device.store.seqOf(conversationId) === outcome.seq;
    await waitUntil(`the device holds "${text}"`, held, { timeoutMs: waitMsMax });
  }

  async listed(): Promise<ListedWorld> {
    const bob = this.#users[1].at(this.#node.publicUrl);
    const logs = [await listLog(bob, this.groupId), await listLog(bob, this.directId)];
    const conversations = await bob.conversations.listConversations({ pageSize: 100 });
    return { logs, conversations: toJson(ListConversationsResponseSchema, conversations) };
  }

  /** Starts a node with other settings, where the device goes from then on. The one before has to be stopped. */
  async startOther(directory: string, flags: readonly string[]): Promise<void> {
    this.#node = await startParley({ dataDirectory: directory, flags: [...loadFlags, ...flags] });
    this.#started.use(this.#node);
    await waitUntil("the device is attached again", () => this.device.isOpen, { timeoutMs: waitMsMax });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#started.disposeAsync();
  }
}
