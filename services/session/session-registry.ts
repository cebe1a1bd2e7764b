import { create } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { MovingSchema, type Open } from "../../gen/parley/session/v1/session_pb.ts";
import { sleep } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Caller } from "../rpc/caller.ts";
import { reasonCodeOf } from "../rpc/reason-code.ts";
import { Admission } from "./admission.ts";
import { isNewer } from "./attach-order.ts";
import { AttachedSession } from "./attached-session.ts";
import { DeviceNotices, type DeviceNoticesOptions } from "./device-notices.ts";
import type { Outlet } from "./outlet.ts";
import type { GenerationStore } from "./ports.ts";
import type { ResumeTickets } from "./resume-ticket.ts";
import { deviceSilenceMsMax, type NodeLimits, nodeLimitsDefault, sliceMsMax } from "./session-limits.ts";
import { observeSessions } from "./session-metrics.ts";
import type { SessionDevice, SessionParts } from "./session-parts.ts";
import { SessionTable } from "./session-table.ts";
import { durationOf, timestampOf } from "./wire-time.ts";

/** What a registry needs beside what its sessions need. */
export interface RegistryOptions {
  readonly parts: SessionParts;
  /** This node, what it is for, and the way to the others. Without the role `session` it takes no streams. */
  readonly nodeId: string;
  readonly roles: readonly string[];
  readonly router: DeviceNoticesOptions["router"];
  readonly generations: GenerationStore;
  readonly tickets: ResumeTickets;
  /** For the gauges. */
  readonly metrics: Metrics;
  /** `nodeLimitsDefault` where unset. */
  readonly limits?: Partial<NodeLimits>;
}

/** A call that may open a session. From its beginning on, a revocation of its device reaches it. */
export interface Arrival {
  /**
   * Opens the session and says `opened`. Throws a Fault when it cannot: OVERLOADED, DRAINING,
   * STORE_UNAVAILABLE, DEVICE_REVOKED; or the reason of the call's signal, when its device has gone meanwhile. Nothing was
   * written to the outlet then.
   */
  open(open: Open, outlet: Outlet): Promise<AttachedSession>;
  /** Ends the arrival; a session that was opened goes on. Idempotent. */
  leave(): void;
}

/** Who calls, as far as sessions ask. */
export type SessionCaller = Pick<Caller, "accountId" | "deviceId" | "tokenExpireMs">;

interface PendingArrival {
  readonly caller: SessionCaller;
  readonly signal: AbortSignal | undefined;
  revoked: boolean;
}

/** 128 random bits: nobody guesses a session's id. */
const sessionIdBytes = 16;
const drainingRetryMs = 1_000;
const sessionsRetryMs = 5_000;
/** Milliseconds between two steps of a drain. */
const drainStepMs = 50;

/** The attached sessions of one node, from their opening to their end. */
export class SessionRegistry {
  readonly #parts: SessionParts;
  readonly #options: RegistryOptions;
  readonly #limits: NodeLimits;
  readonly #admission: Admission;
  readonly #table = new SessionTable();
  readonly #arrivals = new Set<PendingArrival>();
  readonly #notices: DeviceNotices;
  #lastAttachedMs = 0;
  #draining = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#parts = options.parts;
    this.#limits = { ...nodeLimitsDefault, ...options.limits };
    this.#admission = new Admission(this.#limits, this.#parts.clock.monotonicMs());
    this.#notices = new DeviceNotices({
      ...options,
      clock: this.#parts.clock,
      limits: { devicesMax: this.#limits.devicesPerAccountMax, silenceMsMax: deviceSilenceMsMax },
      devicesOf: (accountId) => this.devicesOf(accountId),
      onSuperseded: ({ sessionId }) => this.#table.byId(sessionId)?.close(CloseReason.SUPERSEDED),
      onSurplus: ({ accountId, deviceId }) => this.#closeSurplus(accountId, deviceId),
    });
    observeSessions(options.metrics, {
      attached: () => this.#table.active,
      opening: () => this.#admission.running,
      unacknowledged: () => this.#table.all().reduce((sum, session) => sum + session.unacknowledged, 0),
    });
  }

  /** Attached devices. */
  get attached(): number {
    return this.#table.active;
  }

  /** The attached devices of an account, the one attached longest ago first. */
  devicesOf(accountId: string): readonly SessionDevice[] {
    return this.#table.ofAccount(accountId).map(({ device }) => device);
  }

  /** Attached devices as a part of what the node takes at most, 0 to 1. */
  get load(): number {
    return Math.min(1, this.#table.size / this.#limits.sessionsMax);
  }

  /** Announces a call that is going to open a session. Throws DRAINING or OVERLOADED when it cannot. */
  arrive(caller: SessionCaller, signal?: AbortSignal): Arrival {
    try {
      this.#assertOpen();
      const full = this.#table.size + this.#arrivals.size >= this.#limits.sessionsMax;
      if (full) throw overloaded("sessions", sessionsRetryMs);
    } catch (error) {
      this.#countRefusal(error);
      throw error;
    }
    const pending: PendingArrival = { caller, signal, revoked: false };
    this.#arrivals.add(pending);
    return {
      open: (open, outlet) => this.#openCounted(pending, open, outlet),
      leave: () => void this.#arrivals.delete(pending),
    };
  }

  /** The session of this id, if it is this device's. Throws SESSION_NOT_FOUND. */
  find(sessionId: string, caller: Pick<Caller, "accountId" | "deviceId">): AttachedSession {
    const session = this.#table.byId(sessionId);
    const { accountId, deviceId } = session?.device ?? {};
    if (session !== undefined && accountId === caller.accountId && deviceId === caller.deviceId)
      return session;
    throw sessionNotFoundFault(sessionId);
  }

  /** The same for one that still takes frames. Throws SESSION_NOT_FOUND. */
  findActive(sessionId: string, caller: Pick<Caller, "accountId" | "deviceId">): AttachedSession {
    const session = this.find(sessionId, caller);
    if (!session.active) throw sessionNotFoundFault(sessionId);
    return session;
  }

  /** Ends the streams of these devices, or of all devices of the account, in this turn. */
  revoked(accountId: string, deviceIds: readonly string[] | undefined): void {
    const concerns = (deviceId: string): boolean => deviceIds === undefined || deviceIds.includes(deviceId);
    for (const pending of this.#arrivals) {
      const { caller } = pending;
      if (caller.accountId === accountId && concerns(caller.deviceId)) pending.revoked = true;
    }
    for (const session of this.#table.ofAccount(accountId)) {
      if (concerns(session.device.deviceId)) session.close(CloseReason.DEVICE_REVOKED);
    }
  }

  /**
   * Refuses new sessions from now on and tells the others to go to these addresses, in turn: each after a random part of
   * the first half of `moveMs`. Resolves when all have gone, after `moveMs`, or when the node takes sessions again.
   */
  async move(addresses: readonly string[], moveMs: number): Promise<void> {
    this.#draining = true;
    const { clock } = this.#parts;
    const endMs = clock.monotonicMs() + moveMs;
    const moving = { deadlineTime: timestampOf(clock.wallMs() + moveMs), jitter: durationOf(moveMs / 2) };
    const sessions = this.#table.all();
    for (let next = 0; next < sessions.length; await sleep(clock, 0)) {
      const sliceEndMs = clock.monotonicMs() + sliceMsMax;
      do {
        const address = addresses[next % addresses.length] ?? "";
        sessions[next]?.move(create(MovingSchema, { ...moving, address }));
        next += 1;
      } while (next < sessions.length && clock.monotonicMs() < sliceEndMs);
    }
    while (this.#draining && this.#table.active > 0 && clock.monotonicMs() < endMs)
      await sleep(clock, Math.min(drainStepMs, endMs - clock.monotonicMs()));
  }

  /**
   * Closes the sessions that are open now, in slices that let the loop turn; their devices open again, here or elsewhere.
   * Resolves when none of them takes frames any more. New sessions are taken all the time.
   */
  async reopen(message: string): Promise<void> {
    const sessions = this.#table.all();
    for (let next = 0; next < sessions.length; ) {
      next = this.#closeSlice(sessions, { from: next, end: sessions.length, message });
      if (next < sessions.length) await sleep(this.#parts.clock, 0);
    }
  }

  /** The node takes no new sessions. */
  get draining(): boolean {
    return this.#draining;
  }

  /**
   * Refuses new sessions from now on and closes the others with DRAINING, spread evenly over `spreadMs`, in
   * slices that let the loop turn. Resolves when none takes frames any more.
   */
  async drain(spreadMs: number): Promise<void> {
    this.#draining = true;
    const { clock } = this.#parts;
    const startMs = clock.monotonicMs();
    const sessions = this.#table.all();
    for (let next = 0; next < sessions.length; ) {
      const elapsedMs = clock.monotonicMs() - startMs;
      const share = spreadMs <= 0 ? 1 : Math.min(1, elapsedMs / spreadMs);
      const due = Math.ceil(sessions.length * share);
      next = this.#closeSlice(sessions, { from: next, end: due });
      if (next === sessions.length) return;
      // Behind the plan the loop only turns; else it waits for the next step, but not beyond the end.
      const stepMs = next < due ? 0 : Math.min(drainStepMs, spreadMs - elapsedMs);
      await sleep(clock, Math.max(stepMs, 0));
    }
  }

  /** Takes new sessions again. A drain that is under way goes on with those that it began with. */
  undrain(): void {
    this.#draining = false;
  }

  /** Ends every session at once, in slices; without a drain before it they hear DRAINING as well. */
  async stop(): Promise<void> {
    await this.drain(0);
    for (const session of this.#table.all()) session.lose();
  }

  /** Closes sessions from `from` up to `end`, until the slice is over; returns where it stopped. */
  #closeSlice(sessions: readonly AttachedSession[], slice: ClosingSlice): number {
    const { clock } = this.#parts;
    const { from, end, message } = slice;
    const sliceEndMs = clock.monotonicMs() + sliceMsMax;
    let next = from;
    while (next < end && (next === from || clock.monotonicMs() < sliceEndMs)) {
      sessions[next]?.close(CloseReason.DRAINING, message === undefined ? {} : { message });
      next += 1;
    }
    return next;
  }

  async #openCounted(pending: PendingArrival, open: Open, outlet: Outlet): Promise<AttachedSession> {
    const { opens } = this.#parts.metrics;
    try {
      const session = await this.#open(pending, open, outlet);
      const ticket = this.#options.tickets.read(open.resumeTicket);
      const resumed = ticket?.deviceId === session.device.deviceId;
      opens.add(1, { outcome: resumed ? "resumed" : "opened" });
      return session;
    } catch (error) {
      this.#countRefusal(error);
      throw error;
    } finally {
      this.#arrivals.delete(pending);
    }
  }

  async #open(pending: PendingArrival, open: Open, outlet: Outlet): Promise<AttachedSession> {
    this.#assertOpen();
    const admitted = this.#admission.admit(this.#parts.clock.monotonicMs());
    if (admitted.kind === "refused") throw overloaded("opens", admitted.retryDelayMs);
    const { accountId, deviceId } = pending.caller;
    try {
      pending.signal?.throwIfAborted();
      const [generation, conversations] = await Promise.all([
        this.#options.generations.raise(accountId, deviceId),
        this.#parts.versions.conversations(accountId),
      ]);
      this.#assertOpen();
      // A device that gave up and went elsewhere has a stream there, which a late session here would supersede.
      pending.signal?.throwIfAborted();
      if (pending.revoked) throw new Fault(ErrorReason.DEVICE_REVOKED, "The device was revoked; log in");
      const sessionId = sessionIdOf(this.#options.nodeId, this.#parts.rng.bytes(sessionIdBytes));
      const attachedMs = this.#nextAttachedMs();
      const device: SessionDevice = {
        sessionId,
        accountId,
        deviceId,
        generation,
        ordinal: open.ordinal,
        attachedMs,
      };
      return this.#register({ device, open, outlet, caller: pending.caller, conversations });
    } finally {
      this.#admission.release();
    }
  }

  #register(opening: Opening): AttachedSession {
    const { device, open, outlet, caller, conversations } = opening;
    const { accountId, deviceId, generation } = device;
    const same = this.#table.ofAccount(accountId).filter((other) => other.device.deviceId === deviceId);
    const session: AttachedSession = new AttachedSession(this.#parts, {
      device,
      open,
      outlet,
      tokenExpireMs: caller.tokenExpireMs,
      conversations,
      resumeTicket: this.#options.tickets.seal({ deviceId, generation, conversations }),
      onBeat: () => this.#notices.repeat(device),
      onClosing: () => {
        this.#table.deactivate(session);
        this.#notices.detached(device);
      },
      onEnded: () => this.#table.remove(session),
    });
    this.#table.add(session);
    session.start();
    // Two opens of one device may overtake each other, so the order of arrival here decides nothing.
    const older = same.filter((other) => isNewer(device, other.device));
    if (older.length < same.length) session.close(CloseReason.SUPERSEDED);
    else for (const other of older) other.close(CloseReason.SUPERSEDED);
    if (session.active) this.#notices.attached(device);
    return session;
  }

  #closeSurplus(accountId: string, deviceId: string): void {
    const { devicesPerAccountMax } = this.#limits;
    const message = `An account may have ${devicesPerAccountMax} devices attached.`;
    for (const session of this.#table.ofAccount(accountId))
      if (session.device.deviceId === deviceId) session.close(CloseReason.DEVICE_LIMIT, { message });
  }

  /** Rises from session to session, so that of two devices one was attached first. */
  #nextAttachedMs(): number {
    this.#lastAttachedMs = Math.max(Math.floor(this.#parts.clock.wallMs()), this.#lastAttachedMs + 1);
    return this.#lastAttachedMs;
  }

  #countRefusal(error: unknown): void {
    const reason = error instanceof Fault ? reasonCodeOf(error.reason)?.name.toLowerCase() : undefined;
    this.#parts.metrics.opens.add(1, { outcome: reason ?? "bug" });
  }

  #assertOpen(): void {
    const { roles } = this.#options;
    if (!roles.includes("session")) throw wrongNode(roles);
    if (!this.#draining) return;
    throw new Fault(ErrorReason.DRAINING, "The node is about to stop", { retryDelayMs: drainingRetryMs });
  }
}

/** Some of the sessions that are to be closed, and what to tell their devices beside the reason. */
interface ClosingSlice {
  readonly from: number;
  readonly end: number;
  readonly message?: string;
}

interface Opening {
  readonly device: SessionDevice;
  readonly open: Open;
  readonly outlet: Outlet;
  readonly caller: SessionCaller;
  readonly conversations: string;
}

function overloaded(limit: string, retryDelayMs: number): Fault {
  return new Fault(ErrorReason.OVERLOADED, "The node takes no more streams now; try again later", {
    metadata: { limit },
    retryDelayMs,
  });
}

/** Whoever comes here is sent elsewhere, as from a node that is about to stop. */
function wrongNode(roles: readonly string[]): Fault {
  const message = `This node has the roles ${roles.join(", ")} and takes no streams: attach to a node that Locate names`;
  return new Fault(ErrorReason.DRAINING, message, { retryDelayMs: drainingRetryMs });
}

/** The id of a session, which tells every node whose it is; at most 64 characters, since a node's id has 40 at most. */
export function sessionIdOf(nodeId: string, random: Uint8Array): string {
  return `${nodeId}.${Buffer.from(random).toString("base64url")}`;
}

/** No such session, or another device's, or one that has ended. */
export function sessionNotFoundFault(sessionId: string): Fault {
  return new Fault(ErrorReason.SESSION_NOT_FOUND, "The session does not exist or has ended; open a new one", {
    metadata: { session_id: sessionId },
  });
}
