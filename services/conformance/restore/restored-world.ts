import type { SendRecord } from "../../history/history.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { type NodeCluster, startCluster } from "../cluster/node-cluster.ts";
import { Device } from "../harness/device.ts";
import type { Way } from "../harness/link.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { createGroup } from "../harness/member.ts";
import { readMetrics, sumOf } from "../harness/metrics-page.ts";
import { SendJournal } from "../harness/send-journal.ts";
import { directConversationId, registerUsers, type User } from "../harness/user.ts";
import { copyStore, type StoreCopy } from "./store-copy.ts";

const ways: readonly Way[] = ["attach", "receive", "poll"];

/** How long anything may take that is waited for, in milliseconds; only hangs take that long. */
const waitMsMax = 30_000;

/** A device that may be kept from attaching for a while. */
export interface RestoredDevice {
  readonly device: Device;
  /** It loses its stream and cannot open another one, or it can again. */
  setAway(isAway: boolean): Promise<void>;
}

/** Nodes on one directory whose store is copied and put back, with devices that live through it. */
export class RestoredWorld implements AsyncDisposable {
  readonly cluster: NodeCluster;
  readonly users: readonly User[];
  readonly devices: readonly RestoredDevice[];
  /** A group of all users, and the direct conversation of the first two. */
  readonly groupId: string;
  readonly directId: string;
  readonly journal: SendJournal;
  readonly #running: AsyncDisposableStack;

  private constructor(
    started: Pick<RestoredWorld, "cluster" | "users" | "devices" | "groupId" | "directId" | "journal">,
    running: AsyncDisposableStack,
  ) {
    this.cluster = started.cluster;
    this.users = started.users;
    this.devices = started.devices;
    this.groupId = started.groupId;
    this.directId = started.directId;
    this.journal = started.journal;
    this.#running = running;
  }

  /** Starts nodes, and a device for each of three users, spread over the nodes. */
  static async start(nodes: number): Promise<RestoredWorld> {
    await using running = new AsyncDisposableStack();
    const cluster = running.use(await startCluster(nodes, { flags: loadFlags }));
    const [server = ""] = cluster.servers;
    const users = await registerUsers(server, "user", 3);
    const groupId = await createGroup("restored", users);
    const giveUp = new AbortController();
    running.defer(() => giveUp.abort());
    const devices = users.map((user, index) => restoredDevice(user, cluster.servers[index % nodes], index));
    for (const { device } of devices) running.use(device.start());
    const directId = directConversationId(users[0]?.accountId ?? "", users[1]?.accountId ?? "");
    const journal = new SendJournal(giveUp.signal);
    return new RestoredWorld({ cluster, users, devices, groupId, directId, journal }, running.move());
  }

  /** Sends messages to a conversation, by stream and by unary call, and waits for their acknowledgements. */
  async say(sender: number, conversationId: string, count: number): Promise<readonly SendRecord[]> {
    const { device } = this.deviceAt(sender);
    const sends: SendRecord[] = [];
    for (let index = 0; index < count; index += 1) {
      const text = `${sender} ${this.journal.sends.length}`;
      const send =
        index % 2 === 0
          ? await this.journal.sendUnary(device, conversationId, text)
          : await this.journal.sendOnStream(device, conversationId, text);
      sends.push(send);
    }
    return sends;
  }

  deviceAt(index: number): RestoredDevice {
    const device = this.devices[index];
    if (device === undefined) throw new Error(`no device ${index}`);
    return device;
  }

  /** Waits until devices hold a conversation up to `seq`, no more and no less. */
  async holds(devices: readonly number[], conversationId: string, seq: bigint): Promise<void> {
    for (const index of devices) {
      const { store } = this.deviceAt(index).device;
      const held = (): bigint => store.seqOf(conversationId);
      await waitUntil(`device ${index} holds ${conversationId} up to ${seq}`, () => held() === seq, {
        timeoutMs: waitMsMax,
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}, but up to ${held()}`);
      });
    }
  }

  /** Ends all nodes in order, copies their store, and starts them again. */
  async copy(): Promise<StoreCopy> {
    await this.stopAll("SIGTERM");
    const copy = copyStore(this.directory);
    this.#running.use(copy);
    await this.startAll();
    return copy;
  }

  /** Kills all nodes, puts the store back to what it was when it was copied, and starts them again. */
  async putBack(copy: StoreCopy): Promise<void> {
    await this.stopAll("SIGKILL");
    copy.putBack();
    await this.startAll();
  }

  /** The store's epoch as each node tells it by its metrics. */
  epochs(): Promise<(number | undefined)[]> {
    return Promise.all(
      this.cluster.nodes.map(async ({ process }) =>
        sumOf(await readMetrics(process.adminUrl), "parley_store_epoch"),
      ),
    );
  }

  /** Where the nodes keep their data. */
  get directory(): string {
    return this.cluster.nodes[0]?.process.dataDirectory ?? "";
  }

  /** Ends all nodes, those too that have ended already. */
  async stopAll(signal: NodeJS.Signals): Promise<void> {
    await Promise.all(this.cluster.nodes.map(({ process }) => process.kill(signal)));
  }

  /** Starts them again, and waits until they are linked. */
  async startAll(): Promise<void> {
    await Promise.all(this.cluster.nodes.map(({ process }) => process.restart()));
    await this.cluster.linked();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.disposeAsync();
  }
}

/** An address at which nobody listens. */
const nowhere = "http://127.0.0.1:9";

function restoredDevice(user: User, server: string | undefined, index: number): RestoredDevice {
  const home = user.at(server ?? user.server);
  let isAway = false;
  const device = new Device({
    user: home,
    way: ways[index % ways.length] ?? "attach",
    place: () => (isAway ? user.at(nowhere) : home),
  });
  const setAway = async (away: boolean): Promise<void> => {
    isAway = away;
    if (away) device.cut();
    await waitUntil(`device ${index} is ${away ? "away" : "back"}`, () => device.isOpen !== away, {
      timeoutMs: waitMsMax,
    });
  };
  return { device, setAway };
}
