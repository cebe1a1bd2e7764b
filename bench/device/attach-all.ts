import type { DeviceHandlers, DevicePlace } from "./device-stream.ts";
import { DeviceStream } from "./device-stream.ts";

const attachesAtOnceMax = 64;
const acknowledgeEveryMs = 1_000;

/** Devices that are attached, and the end of them all. */
export interface AttachedDevices extends Disposable {
  readonly devices: readonly DeviceStream[];
}

/** Attaches one device at each place, a few at a time, and lets each acknowledge at least once a second. */
export async function attachAll(
  places: readonly DevicePlace[],
  handlersOf: (index: number) => DeviceHandlers,
): Promise<AttachedDevices> {
  const devices: DeviceStream[] = [];
  for (let start = 0; start < places.length; start += attachesAtOnceMax) {
    const group = places
      .slice(start, start + attachesAtOnceMax)
      .map((place, index) => new DeviceStream(place, handlersOf(start + index)));
    await Promise.all(group.map((device) => device.caughtUp));
    devices.push(...group);
  }
  const acknowledging = setInterval(() => {
    for (const device of devices) device.acknowledge();
  }, acknowledgeEveryMs);
  return {
    devices,
    [Symbol.dispose]: () => {
      clearInterval(acknowledging);
      for (const device of devices) device.close();
    },
  };
}
