import { type AttachedDevices, attachAll } from "../device/attach-all.ts";
import { SendTemplate } from "../device/client-frames.ts";
import { connectClients } from "../peers/peer-clients.ts";
import { everyInterval } from "../peers/peer-tasks.ts";
import { answerTasks } from "../processes/child.ts";

/** What all receivers together were sent. */
export interface Received {
  readonly events: number;
  readonly frames: number;
  readonly bytes: number;
}

/** The devices that receive, and the one of them that sends, in a process of their own. */
export interface ReceiverTasks {
  /** Attaches one device per token; the first one sends, and is not counted among the receivers. */
  attach(argument: {
    server: string;
    accessTokens: readonly string[];
    groupId: string;
    primerId: string;
    textBytes: number;
  }): Promise<void>;
  /**
   * Sends so many messages to the group at once, again and again, and waits until every device has all of them. A
   * message to the primer's conversation goes before: while it is being committed the others gather to one commit.
   */
  send(argument: { rounds: number; intervalMs: number; events: number }): Promise<Received>;
  /** Connects clients to a peer. */
  connect(argument: { url: string; count: number }): Promise<void>;
  /** Waits until the clients of peers have got so many messages in all since they were connected. */
  received(argument: { messages: number }): Promise<void>;
}

/** Milliseconds that the last delivery may take. */
const deliverMsMax = 20_000;

class Receivers {
  #attached: AttachedDevices | undefined;
  #templates: { readonly group: SendTemplate; readonly primer: SendTemplate } | undefined;
  #nextNumber = 1;
  #messages = 0;
  #received = { events: 0, frames: 0, bytes: 0 };

  async attach(argument: Parameters<ReceiverTasks["attach"]>[0]): Promise<void> {
    const { server, accessTokens, groupId, primerId, textBytes } = argument;
    this.#templates = {
      group: new SendTemplate(groupId, "x".repeat(textBytes), "00000002"),
      primer: new SendTemplate(primerId, "x", "00000003"),
    };
    const places = accessTokens.map((accessToken) => ({ server, accessToken }));
    this.#attached = await attachAll(places, (index) => ({
      onEvents: (count, bytes) => {
        if (index > 0) this.#count(count, bytes);
      },
    }));
  }

  async send(plan: Parameters<ReceiverTasks["send"]>[0]): Promise<Received> {
    this.#received = { events: 0, frames: 0, bytes: 0 };
    const receivers = (this.#attached?.devices.length ?? 0) - 1;
    await everyInterval({ ...plan, eventBytes: 0 }, () => this.#sendRound(plan.events));
    await this.#until(() => this.#received.events >= plan.rounds * plan.events * receivers);
    return this.#received;
  }

  async connect({ url, count }: Parameters<ReceiverTasks["connect"]>[0]): Promise<void> {
    await connectClients(url, count, () => {
      this.#messages += 1;
    });
  }

  async received({ messages }: Parameters<ReceiverTasks["received"]>[0]): Promise<void> {
    await this.#until(() => this.#messages >= messages);
  }

  #count(events: number, bytes: number): void {
    this.#received.events += events;
    this.#received.frames += 1;
    this.#received.bytes += bytes;
  }

  #sendRound(count: number): void {
    const sender = this.#attached?.devices[0];
    if (sender === undefined || this.#templates === undefined) throw new Error("nobody is attached");
    sender.queue(this.#templates.primer.frame(this.#nextNumber));
    for (let index = 0; index < count; index += 1) {
      this.#nextNumber += 1;
      sender.queue(this.#templates.group.frame(this.#nextNumber));
    }
    sender.flush();
  }

  async #until(condition: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + deliverMsMax;
    while (!condition()) {
      if (performance.now() > deadlineMs) {
        throw new Error(`only ${this.#received.events} events and ${this.#messages} messages came`);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

const receivers = new Receivers();
answerTasks<ReceiverTasks>({
  attach: (argument) => receivers.attach(argument),
  send: (argument) => receivers.send(argument),
  connect: (argument) => receivers.connect(argument),
  received: (argument) => receivers.received(argument),
});
