import { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { ConversationService } from "../../gen/parley/message/v1/conversation_service_pb.ts";
import { GroupService } from "../../gen/parley/message/v1/group_service_pb.ts";
import { MessageService } from "../../gen/parley/message/v1/message_service_pb.ts";
import { SessionService } from "../../gen/parley/session/v1/session_service_pb.ts";
import { accountRoutes } from "../account/routes.ts";
import type { PrometheusMetrics } from "../kernel/prometheus-metrics.ts";
import { messageRoutes } from "../message/routes.ts";
import { type AdminServer, createAdminServer, type Readiness } from "../rpc/admin-server.ts";
import type { TlsIdentity } from "../rpc/certificates.ts";
import { createHealthState, type HealthState } from "../rpc/health.ts";
import { createInterceptors } from "../rpc/interceptors.ts";
import { createOnePortServer, type OnePortServer } from "../rpc/one-port-server.ts";
import { createRpcHandler } from "../rpc/rpc-handler.ts";
import type { AdminDeps } from "./admin/admin-deps.ts";
import { adminRoutes } from "./admin/routes.ts";
import { rateTable } from "./config.ts";
import type { Domains, DomainsOptions } from "./domains.ts";

/** Full names of the services that clients are served. */
export const serviceNames: readonly string[] = [
  AccountService,
  MessageService,
  ConversationService,
  GroupService,
  SessionService,
].map((service) => service.typeName);

/** What the listeners of a node are made from. */
export interface ListenersOptions
  extends Pick<DomainsOptions, "config" | "clock" | "rng" | "logger" | "errors" | "validateMessage"> {
  readonly domains: Domains;
  readonly administration: AdminDeps;
  /** Of the TLS port; undefined: there is none. */
  readonly tlsIdentity: TlsIdentity | undefined;
  readonly metrics: PrometheusMetrics;
  readonly readiness: () => Readiness;
  /** Called with every status that breaks the contract; for tests. */
  readonly onNonConformity?: (violation: string) => void;
}

/** The ports of a node, not open yet. */
export interface Listeners {
  readonly health: HealthState;
  readonly cleartext: OnePortServer;
  /** When a certificate is configured. */
  readonly tls: OnePortServer | undefined;
  readonly admin: AdminServer;
}

/** Creates the ports. Throws when the certificate cannot be used. */
export function createListeners(options: ListenersOptions): Listeners {
  const { config, domains, clock, rng, logger, metrics, errors, validateMessage } = options;
  const { onNonConformity, tlsIdentity } = options;
  const interceptors = createInterceptors({
    clock,
    rng,
    logger,
    metrics,
    errors,
    validateMessage,
    authenticator: domains.accounts.verifier,
    rates: rateTable(config),
    timeoutsMs: domains.core.sessions.timeoutsMs,
    ...(onNonConformity && { onNonConformity }),
  });
  const health = createHealthState(serviceNames);
  const handler = createRpcHandler({
    routes: (router) => {
      accountRoutes(domains.accounts.deps)(router);
      messageRoutes(domains.core.messages)(router);
      domains.core.sessions.routes(router);
    },
    interceptors,
    logger,
    pushMethods: domains.core.sessions.pushMethods,
    health,
    reflection: config["reflection.enabled"],
    corsOrigins: config["cors.origins"],
    httpRoutes: new Map([["/.well-known/jwks.json", () => jwks(domains)]]),
  });
  const forOperators = createRpcHandler({
    routes: adminRoutes(options.administration),
    interceptors,
    logger,
    reflection: true,
    audience: "operators",
  });
  const port = { handler, host: config["public.host"], clock, logger, metrics };
  return {
    health,
    cleartext: createOnePortServer({ ...port, port: config["public.port"] }),
    tls: tlsIdentity && createOnePortServer({ ...port, port: config["tls.port"], tls: tlsIdentity }),
    admin: createAdminServer({
      host: config["admin.host"],
      port: config["admin.port"],
      readiness: () => options.readiness(),
      rpc: forOperators,
      renderMetrics: async () => ({ contentType: metrics.contentType, body: await metrics.render() }),
    }),
  };
}

async function jwks(domains: Domains) {
  const body = JSON.stringify(await domains.accounts.jwks());
  return { status: 200, contentType: "application/json", body };
}
