import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type DeviceNotice, DeviceNoticeSchema } from "../../gen/parley/mesh/v1/session_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import { type TopicEvent, type TopicRouter, userTopic } from "../mesh/router.ts";
import { isNewer } from "./attach-order.ts";
import { DeviceRoster, type RosterDevice, type RosterLimits } from "./device-roster.ts";

/** A device that is attached to this node. */
export interface LocalDevice extends RosterDevice {
  readonly sessionId: string;
  readonly accountId: string;
}

/** What notices are made from. */
export interface DeviceNoticesOptions {
  readonly nodeId: string;
  readonly router: Pick<TopicRouter<never, unknown>, "publish" | "join" | "joined">;
  readonly clock: Clock;
  readonly limits: RosterLimits;
  /** The devices of an account that are attached here. */
  readonly devicesOf: (accountId: string) => readonly LocalDevice[];
  /** The device has been attached elsewhere since. */
  readonly onSuperseded: (device: LocalDevice) => void;
  /** The account has too many devices, and this one was attached longest ago. */
  readonly onSurplus: (device: LocalDevice) => void;
}

interface Account {
  readonly roster: DeviceRoster;
  readonly leave: () => void;
}

type What = Pick<DeviceNotice, "what"> & { readonly ask?: boolean };

/**
 * Nodes tell one another which devices they have, on the topics of the accounts, so that a device has one stream and an
 * account no more of them than it may. A notice may be lost: it is said again with every heartbeat.
 */
export class DeviceNotices {
  readonly #options: DeviceNoticesOptions;
  readonly #accounts = new Map<string, Account>();

  constructor(options: DeviceNoticesOptions) {
    this.#options = options;
  }

  /** The device is attached here; its account's other devices are looked at in this turn. */
  attached(device: LocalDevice): void {
    const { accountId } = device;
    const isFirst = !this.#accounts.has(accountId);
    const account = this.#accounts.get(accountId) ?? this.#listen(accountId);
    account.roster.attachedHere(device);
    this.#enforce(accountId, account);
    // Said once this node hears what others say: of two attaches at the same time one hears of the other then.
    void this.#options.router.joined().then(() => this.#say(device, attachedAt(device, isFirst)));
  }

  /** Says again that the device is attached. */
  repeat(device: LocalDevice): void {
    this.#say(device, attachedAt(device, false));
  }

  /** The device is attached here no more. */
  detached(device: LocalDevice): void {
    const { accountId } = device;
    this.#publish(device, { what: { case: "detached", value: true } });
    if (this.#options.devicesOf(accountId).length > 0) return;
    this.#accounts.get(accountId)?.leave();
    this.#accounts.delete(accountId);
  }

  #listen(accountId: string): Account {
    const leave = this.#options.router.join(userTopic(accountId), (event) => this.#onEvent(accountId, event));
    const account: Account = { roster: new DeviceRoster(this.#options.limits), leave };
    this.#accounts.set(accountId, account);
    return account;
  }

  #onEvent(accountId: string, event: TopicEvent): void {
    const account = this.#accounts.get(accountId);
    if (event.class !== "notice" || account === undefined) return;
    const notice = fromBinary(DeviceNoticeSchema, event.bytes);
    if (notice.nodeId !== this.#options.nodeId) this.#onNotice(accountId, account, notice);
  }

  #onNotice(accountId: string, account: Account, notice: DeviceNotice): void {
    const { deviceId, generation, ordinal, nodeId, what, ask } = notice;
    const { clock, devicesOf, onSuperseded } = this.#options;
    if (what.case === "detached") return account.roster.detached(notice);
    if (what.case === undefined) return undefined;
    const same = devicesOf(accountId).filter((device) => device.deviceId === deviceId);
    const newer = same.find((device) => isNewer(device, notice));
    if (newer !== undefined) this.#say(newer, attachedAt(newer, false));
    else {
      const attachedMs = Number(what.value);
      account.roster.attached({ deviceId, generation, ordinal, attachedMs, nodeId }, clock.monotonicMs());
      for (const device of same) onSuperseded(device);
    }
    if (ask) for (const device of devicesOf(accountId)) this.#say(device, attachedAt(device, false));
    return this.#enforce(accountId, account);
  }

  #enforce(accountId: string, { roster }: Account): void {
    const { devicesOf, onSurplus, clock } = this.#options;
    for (const device of roster.surplus(devicesOf(accountId), clock.monotonicMs())) onSurplus(device);
  }

  /** Nothing is said of one that has gone meanwhile. */
  #say(device: LocalDevice, what: What): void {
    const { accountId, deviceId, generation } = device;
    const isHere = this.#options
      .devicesOf(accountId)
      .some((one) => one.deviceId === deviceId && one.generation === generation);
    if (isHere) this.#publish(device, what);
  }

  #publish({ accountId, deviceId, generation, ordinal }: LocalDevice, what: What): void {
    const { nodeId, router } = this.#options;
    const notice = create(DeviceNoticeSchema, { deviceId, generation, ordinal, nodeId, ...what });
    router.publish({
      topic: userTopic(accountId),
      class: "notice",
      conversationId: "",
      seq: 0n,
      bytes: toBinary(DeviceNoticeSchema, notice),
      membership: false,
      key: "",
    });
  }
}

function attachedAt({ attachedMs }: RosterDevice, ask: boolean): What {
  return { what: { case: "attachedMs", value: BigInt(attachedMs) }, ask };
}
