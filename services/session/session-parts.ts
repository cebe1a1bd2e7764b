import type { Failure } from "../../gen/parley/error/v1/failure_pb.ts";
import type { Open } from "../../gen/parley/session/v1/session_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Rng } from "../kernel/rng.ts";
import type { AppendCommand, AppendResult } from "../message/append-command.ts";
import type { ValidateMessage } from "../rpc/message-validator.ts";
import type { AttachOrder } from "./attach-order.ts";
import type { FeedFactory } from "./feed.ts";
import type { Outlet } from "./outlet.ts";
import type { DeliveryTrace, TokenVerifier, VersionSource } from "./ports.ts";
import type { SessionMetrics } from "./session-metrics.ts";
import type { RelayTyping } from "./typing-relay.ts";

/** The way of sends to the owners of their conversations. Rejects only for a bug. */
export interface AppendRouter {
  append(command: AppendCommand): Promise<AppendResult>;
}

/** What all sessions of a node share. */
export interface SessionParts {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: SessionMetrics;
  readonly trace: Pick<DeliveryTrace, "pushed" | "acknowledged">;
  readonly feeds: FeedFactory;
  readonly appends: AppendRouter;
  readonly tokens: TokenVerifier;
  readonly versions: VersionSource;
  readonly relayTyping: RelayTyping;
  readonly validateMessage: ValidateMessage;
  /** What anything thrown is inside a message; reports bugs. `where` names the place for the log. */
  readonly failureOf: (error: unknown, where?: string) => Failure;
}

/** Whose session it is. */
export interface SessionDevice extends AttachOrder {
  readonly sessionId: string;
  readonly accountId: string;
  readonly deviceId: string;
  /** When it was attached, in milliseconds since 1970; no two sessions of a node have the same. */
  readonly attachedMs: number;
}

/** How a session was opened. */
export interface SessionOptions {
  readonly device: SessionDevice;
  readonly open: Open;
  readonly outlet: Outlet;
  /** Wall milliseconds. */
  readonly tokenExpireMs: number;
  /** The version of the account's conversations now. */
  readonly conversations: string;
  readonly resumeTicket: string;
  /** Called with every heartbeat. */
  readonly onBeat: () => void;
  /** Called once, when the session takes no more frames. */
  readonly onClosing: () => void;
  /** Called once, when nothing of it is left. */
  readonly onEnded: () => void;
}
