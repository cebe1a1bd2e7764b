import { type AttachedDevices, attachAll } from "../device/attach-all.ts";
import { type DevicePlace, DeviceStream } from "../device/device-stream.ts";
import { answerTasks } from "../processes/child.ts";
import { waitUntil } from "../processes/wait-until.ts";
import { type Latency, latencyOf } from "../statistics.ts";

/** What the return of all devices came to. */
export interface ResumeFigures {
  /** From the first connection until the last device had everything. */
  readonly seconds: number;
  /** Of one device, from its connection until it had everything. */
  readonly latency: Latency;
}

/** Devices whose node is killed, and which attach elsewhere; in a process of their own. */
export interface ResumingTasks {
  /** Attaches one device at each place; what was attached before is closed. */
  attach(argument: { places: readonly DevicePlace[] }): Promise<void>;
  /** Resolves when all of them have lost their streams. */
  lost(argument: undefined): Promise<void>;
  /** Attaches them again, so many at once; each one is done when it is caught up and has got so many entries. */
  resume(argument: {
    places: readonly DevicePlace[];
    entries: number;
    atOnce: number;
  }): Promise<ResumeFigures>;
}

/** Milliseconds until all have noticed that their node is gone, and until all are back. */
const lostMsMax = 20_000;
const resumedMsMax = 120_000;

class ResumingDevices {
  #attached: AttachedDevices | undefined;
  #resumed: DeviceStream[] = [];
  #lost = 0;
  #got = 0;

  async attach({ places }: Parameters<ResumingTasks["attach"]>[0]): Promise<void> {
    this.#close();
    this.#lost = 0;
    const onLost = (): void => void (this.#lost += 1);
    this.#attached = await attachAll(places, () => ({ onLost }));
  }

  async lost(): Promise<void> {
    const count = this.#attached?.devices.length ?? 0;
    await waitUntil("all devices to lose their node", () => this.#lost === count, lostMsMax);
  }

  async resume(argument: Parameters<ResumingTasks["resume"]>[0]): Promise<ResumeFigures> {
    const { places, entries, atOnce } = argument;
    this.#close();
    this.#got = 0;
    const waiting = [...places];
    const latencies: number[] = [];
    const startMs = performance.now();
    const worker = async (): Promise<void> => {
      for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
        const beganMs = performance.now();
        await this.#resumeOne(place, entries);
        latencies.push(performance.now() - beganMs);
      }
    };
    const all = Promise.all(Array.from({ length: atOnce }, worker));
    const done = waitUntil("all devices to resume", () => latencies.length === places.length, resumedMsMax);
    await Promise.all([all, done]);
    if (this.#got !== places.length * entries)
      throw new Error(`${this.#got} entries came, ${places.length * entries} were missed`);
    return { seconds: (performance.now() - startMs) / 1_000, latency: latencyOf(latencies) };
  }

  async #resumeOne(place: DevicePlace, entries: number): Promise<void> {
    const complete = Promise.withResolvers<void>();
    let got = 0;
    const onEvents = (count: number): void => {
      got += count;
      this.#got += count;
      if (got >= entries) complete.resolve();
    };
    const device = new DeviceStream(place, { onEvents });
    this.#resumed.push(device);
    await device.caughtUp;
    if (entries > 0) await complete.promise;
    device.acknowledge();
  }

  #close(): void {
    this.#attached?.[Symbol.dispose]();
    for (const device of this.#resumed) device.close();
    this.#attached = undefined;
    this.#resumed = [];
  }
}

const devices = new ResumingDevices();
answerTasks<ResumingTasks>({
  attach: (argument) => devices.attach(argument),
  lost: () => devices.lost(),
  resume: (argument) => devices.resume(argument),
});
