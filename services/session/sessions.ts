import type { DescMethod } from "@bufbuild/protobuf";
import type { Metrics } from "../kernel/metrics.ts";
import type { SecretKeyStore } from "../kernel/secret-keys.ts";
import { type AnyNodeOptions, servedByAnyNode } from "./any-node.ts";
import type { DeviceNoticesOptions } from "./device-notices.ts";
import { pollHere } from "./poll.rpc.ts";
import type { GenerationStore } from "./ports.ts";
import { createResumeTickets, readTicketKey } from "./resume-ticket.ts";
import { sessionPushMethods, sessionRoutes, sessionTimeoutsMs } from "./routes.ts";
import type { NodeLimits } from "./session-limits.ts";
import { createSessionMetrics } from "./session-metrics.ts";
import type { SessionParts } from "./session-parts.ts";
import { SessionRegistry } from "./session-registry.ts";
import { submitHere } from "./submit.rpc.ts";
import { createTypingRelay } from "./typing-relay.ts";

/** What a node gives its sessions. */
export interface SessionsOptions extends Omit<SessionParts, "metrics" | "relayTyping"> {
  readonly metrics: Metrics;
  readonly generations: GenerationStore;
  readonly secretKeys: SecretKeyStore;
  readonly nodeId: string;
  readonly roles: readonly string[];
  readonly router: DeviceNoticesOptions["router"];
  /** For calls that reach another node than their session's. */
  readonly mesh: AnyNodeOptions["mesh"];
  /** Base URLs of this node's public listeners, best first. */
  readonly addresses: () => readonly string[];
  /** `nodeLimitsDefault` where unset. */
  readonly limits?: Partial<NodeLimits>;
}

/** The attached streams of one node. */
export interface Sessions {
  /** Revokes, drains, stops; a sink of the account domain's revocations. */
  readonly registry: SessionRegistry;
  readonly routes: ReturnType<typeof sessionRoutes>;
  /** For the RPC handler: whose responses are pushed, and who may wait for how many milliseconds. */
  readonly pushMethods: readonly DescMethod[];
  readonly timeoutsMs: ReadonlyMap<DescMethod, number>;
}

/** Creates the sessions of one node. Reads the key of the tickets; throws what the store throws. */
export async function createSessions(options: SessionsOptions): Promise<Sessions> {
  const { clock, metrics, generations, limits } = options;
  const tickets = createResumeTickets(await readTicketKey(options.secretKeys, options.rng));
  const parts: SessionParts = {
    ...options,
    metrics: createSessionMetrics(metrics),
    relayTyping: createTypingRelay(clock, (event) => options.router.publish(event)),
  };
  const registry = new SessionRegistry({
    parts,
    nodeId: options.nodeId,
    roles: options.roles,
    router: options.router,
    generations,
    tickets,
    metrics,
    ...(limits === undefined ? {} : { limits }),
  });
  const callDeps = { ...options, registry };
  const here = { submit: submitHere(callDeps), poll: pollHere(callDeps) };
  const calls = servedByAnyNode({ ...options, here });
  return {
    registry,
    routes: sessionRoutes({ ...options, registry, calls }),
    pushMethods: sessionPushMethods,
    timeoutsMs: sessionTimeoutsMs,
  };
}
