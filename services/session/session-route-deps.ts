import type { Failure } from "../../gen/parley/error/v1/failure_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import type { ValidateMessage } from "../rpc/message-validator.ts";
import type { SessionsHere } from "./any-node.ts";
import type { SessionRegistry } from "./session-registry.ts";

/** What serving a session's calls at its node needs. */
export interface SessionCallDeps {
  readonly registry: SessionRegistry;
  readonly clock: Clock;
  readonly failureOf: (error: unknown, where?: string) => Failure;
}

/** What the RPCs of SessionService need. */
export interface SessionRouteDeps extends SessionCallDeps {
  readonly validateMessage: ValidateMessage;
  /** Submit and Poll, whichever node's session they are for. */
  readonly calls: SessionsHere;
  /** Base URLs of public listeners, best first; at least one. Asked at each call: a port may be known late. */
  readonly addresses: () => readonly string[];
}
