import { type AttachOrder, isNewer } from "./attach-order.ts";

/** An attached device, wherever it is. */
export interface RosterDevice extends AttachOrder {
  readonly deviceId: string;
  /** When it was attached, by the clock of its node: milliseconds since 1970. */
  readonly attachedMs: number;
}

/** One attach of one device. */
type Attach = AttachOrder & Pick<RosterDevice, "deviceId">;

interface RemoteDevice extends RosterDevice {
  readonly nodeId: string;
  readonly heardMs: number;
}

/** What bounds a roster. */
export interface RosterLimits {
  readonly devicesMax: number;
  /** A device of which nothing was heard for so long is taken for gone, in milliseconds. */
  readonly silenceMsMax: number;
}

/** Remote devices that are kept, as a multiple of those that an account may have attached. */
const remotePerDeviceMax = 4;

/** The devices of one account that are attached to other nodes, as far as those have said so. Pure. */
export class DeviceRoster {
  readonly #limits: RosterLimits;
  /** By device, the one heard of last being the last. */
  readonly #remote = new Map<string, RemoteDevice>();

  constructor(limits: RosterLimits) {
    this.#limits = limits;
  }

  /** Another node says that it has the device. */
  attached(device: RosterDevice & { readonly nodeId: string }, nowMs: number): void {
    const { deviceId } = device;
    const before = this.#remote.get(deviceId);
    if (before !== undefined && isNewer(before, device)) return;
    this.#remote.delete(deviceId);
    this.#remote.set(deviceId, { ...device, heardMs: nowMs });
    if (this.#remote.size <= this.#limits.devicesMax * remotePerDeviceMax) return;
    for (const oldest of this.#remote.keys()) {
      this.#remote.delete(oldest);
      return;
    }
  }

  /** Another node says that it has the device no more. */
  detached(device: Attach): void {
    const before = this.#remote.get(device.deviceId);
    if (before !== undefined && !isNewer(before, device)) this.#remote.delete(device.deviceId);
  }

  /** The device has attached here: what others said of earlier attaches is over. */
  attachedHere(device: Attach): void {
    this.detached(device);
  }

  /** Of the devices here, those that have to go, because the account has too many: the ones attached longest ago. */
  surplus<Device extends RosterDevice>(here: readonly Device[], nowMs: number): Device[] {
    for (const [deviceId, { heardMs }] of this.#remote)
      if (nowMs - heardMs > this.#limits.silenceMsMax) this.#remote.delete(deviceId);
    const local = new Set(here.map(({ deviceId }) => deviceId));
    const elsewhere = [...this.#remote.values()].filter(({ deviceId }) => !local.has(deviceId));
    const tooMany = here.length + elsewhere.length - this.#limits.devicesMax;
    if (tooMany <= 0) return [];
    const oldest = new Set<RosterDevice>([...here, ...elsewhere].sort(byAge).slice(0, tooMany));
    return here.filter((device) => oldest.has(device));
  }
}

/** The one attached longest ago first; all nodes agree on it. */
function byAge(one: RosterDevice, other: RosterDevice): number {
  if (one.attachedMs !== other.attachedMs) return one.attachedMs - other.attachedMs;
  return one.deviceId < other.deviceId ? -1 : 1;
}
