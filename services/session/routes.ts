import type { ConnectRouter } from "@connectrpc/connect";
import { SessionService } from "../../gen/parley/session/v1/session_service_pb.ts";
import { createAttach } from "./attach.rpc.ts";
import { createLocate } from "./locate.rpc.ts";
import { createPoll } from "./poll.rpc.ts";
import { createReceive } from "./receive.rpc.ts";
import type { SessionRouteDeps } from "./session-route-deps.ts";
import { createSubmit } from "./submit.rpc.ts";

/** The methods whose responses are pushed; the RPC handler has to know them. */
export const sessionPushMethods = [SessionService.method.attach, SessionService.method.receive] as const;

/** How long Poll may take in milliseconds: the 30 s that it may wait, and time to answer. */
const pollTimeoutMs = 40_000;

/** Deadlines of methods that wait on purpose; the RPC handler has to know them. */
export const sessionTimeoutsMs = new Map([[SessionService.method.poll, pollTimeoutMs]]);

/** Registers SessionService. */
export function sessionRoutes(deps: SessionRouteDeps): (router: ConnectRouter) => void {
  return (router) => {
    router.service(SessionService, {
      attach: createAttach(deps),
      receive: createReceive(deps),
      submit: createSubmit(deps),
      poll: createPoll(deps),
      locate: createLocate(deps),
    });
  };
}
