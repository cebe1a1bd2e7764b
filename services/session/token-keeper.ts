import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import type { Clock, Timer } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { TokenVerifier } from "./ports.ts";

/** What a token's end, and its renewal, cause. */
export interface TokenKeeperOptions {
  readonly clock: Clock;
  readonly tokens: TokenVerifier;
  readonly device: { readonly accountId: string; readonly deviceId: string };
  /** Wall milliseconds. */
  readonly expireMs: number;
  readonly onEnded: (reason: typeof CloseReason.TOKEN_EXPIRED | typeof CloseReason.DEVICE_REVOKED) => void;
  readonly onRenewed: (expireMs: number) => void;
  /** A bug in the verifier. */
  readonly onBug: (error: unknown) => void;
}

/** How long the wall clock is trusted, in milliseconds: it may be set, and timers do not notice. */
const recheckMs = 30_000;

/** Watches the end of a session's access token. */
export class TokenKeeper {
  readonly #options: TokenKeeperOptions;
  #expireMs: number;
  #timer: Timer | undefined;
  #renewing = 0;
  #closed = false;

  constructor(options: TokenKeeperOptions) {
    this.#options = options;
    this.#expireMs = options.expireMs;
    this.#watch();
  }

  /** Renewals that are being checked. */
  get renewing(): number {
    return this.#renewing;
  }

  /** A verified token of the same device ends then. Ignored when that is earlier than what is known. */
  extend(expireMs: number): boolean {
    if (this.#closed || expireMs <= this.#expireMs) return false;
    this.#expireMs = expireMs;
    this.#watch();
    return true;
  }

  /** Checks a newer token. When the check itself cannot be made now, nothing happens: the device asks again. */
  async renew(token: string): Promise<void> {
    const { tokens, device, onEnded, onRenewed, onBug } = this.#options;
    this.#renewing += 1;
    try {
      const verified = await tokens.verify(token);
      if (this.#closed) return;
      const same = verified.accountId === device.accountId && verified.deviceId === device.deviceId;
      if (!same) {
        onEnded(CloseReason.TOKEN_EXPIRED);
        return;
      }
      this.extend(verified.tokenExpireMs);
      onRenewed(this.#expireMs);
    } catch (error) {
      if (this.#closed) return;
      if (!(error instanceof Fault)) onBug(error);
      else if (error.reason === ErrorReason.DEVICE_REVOKED) onEnded(CloseReason.DEVICE_REVOKED);
      else if (error.retryDelayMs === undefined) onEnded(CloseReason.TOKEN_EXPIRED);
    } finally {
      this.#renewing -= 1;
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #watch(): void {
    const { clock, onEnded } = this.#options;
    this.#timer?.cancel();
    const leftMs = this.#expireMs - clock.wallMs();
    this.#timer = clock.after(Math.min(Math.max(leftMs, 0), recheckMs), () => {
      if (clock.wallMs() >= this.#expireMs) onEnded(CloseReason.TOKEN_EXPIRED);
      else this.#watch();
    });
  }
}
