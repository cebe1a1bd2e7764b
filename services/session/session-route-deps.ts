import type { Failure } from "../../gen/parley/error/v1/failure_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import type { ValidateMessage } from "../rpc/message-validator.ts";
import type { SessionRegistry } from "./session-registry.ts";

/** What the RPCs of SessionService need. */
export interface SessionRouteDeps {
  readonly registry: SessionRegistry;
  readonly clock: Clock;
  readonly validateMessage: ValidateMessage;
  readonly failureOf: (error: unknown, where?: string) => Failure;
  /** Base URLs of public listeners, best first; at least one. Asked at each call: a port may be known late. */
  readonly addresses: () => readonly string[];
}
