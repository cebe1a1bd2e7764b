import { type AccountDomain, createAccountDomain } from "../account/account-domain.ts";
import type { Clock } from "../kernel/clock.ts";
import { createIdAllocator, type IdAllocator } from "../kernel/ids.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { createLocalRouter } from "../mesh/local-router.ts";
import { conversationTopic, type TopicRouter } from "../mesh/router.ts";
import type { AppendCommand, AppendResult } from "../message/append-command.ts";
import { type Appender, appendParts, createAppender } from "../message/appender.ts";
import { loadEntryDigest } from "../message/entry-digest.ts";
import { notingOwnSends, OwnReads } from "../message/own-reads.ts";
import type { MessageRouteDeps } from "../message/routes.ts";
import { createConversationVersions } from "../message/versions.ts";
import type { ErrorMapper } from "../rpc/error-mapper.ts";
import type { ValidateMessage } from "../rpc/message-validator.ts";
import { createFeeds, type Feeds } from "../session/feeds.ts";
import type { NodeLimits } from "../session/session-limits.ts";
import { createSessions, type Sessions } from "../session/sessions.ts";
import type { SqliteStore } from "../store/sqlite/open.ts";
import { type NodeConfig, passwordCost } from "./config.ts";

/** What the domains of a node are wired from. */
export interface DomainsOptions {
  readonly config: NodeConfig;
  readonly store: SqliteStore;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly errors: ErrorMapper;
  readonly validateMessage: ValidateMessage;
  /** Base URLs of public listeners, best first, once they are open. */
  readonly addresses: () => readonly string[];
}

/** The domains of one node, wired to one another and to the store. */
export interface Domains {
  readonly accounts: AccountDomain;
  readonly messages: MessageRouteDeps;
  readonly appender: Appender;
  readonly ownReads: OwnReads;
  readonly feeds: Feeds;
  readonly sessions: Sessions;
}

/** The slot of ids of a node that is alone on its store. */
const idSlot = 0;

/** Wires the domains. Nothing runs yet that would have to be stopped when this rejects, except the store. */
export async function createDomains(options: DomainsOptions): Promise<Domains> {
  const { config, store, clock, rng, logger, metrics } = options;
  const ids = createIdAllocator({ store: store.idSlots, clock, slot: idSlot });
  const messaging = await createMessaging(options, ids);
  const { appender, router } = messaging;
  const feeds = createFeeds({ ...store, effects: appender, router, clock, rng, logger, metrics });
  const accounts = await createAccountDomain({
    ...store,
    ids,
    clock,
    rng,
    logger,
    metrics,
    // Called with the first call that ends a device, which is long after the registry is there.
    revocations: { revoked: (accountId, deviceIds) => sessions.registry.revoked(accountId, deviceIds) },
    issuer: config["token.issuer"],
    audience: config["token.audience"],
    passwordCost: passwordCost(config),
    registrationOpen: config["registration.open"],
  });
  const sessions = await createSessions({
    ...store,
    clock,
    rng,
    logger,
    metrics,
    feeds: (device, listener) => feeds.feedFor(device, listener),
    appends: messaging.messages.router,
    tokens: accounts.verifier,
    versions: createConversationVersions(store),
    publish: (event) => router.publish(event),
    validateMessage: options.validateMessage,
    failureOf: (error, where) => options.errors.failureOf(error, where),
    addresses: () => options.addresses(),
    limits: sessionLimits(config),
  });
  return { ...messaging, accounts, feeds, sessions };
}

interface Messaging extends Pick<Domains, "messages" | "appender" | "ownReads"> {
  readonly router: TopicRouter<AppendCommand, AppendResult>;
}

async function createMessaging(options: DomainsOptions, ids: IdAllocator): Promise<Messaging> {
  const { config, store, clock, rng, logger, metrics } = options;
  // Appends reach the appender through the router and their events leave through it: the cycle that a mesh has too.
  const router: Messaging["router"] = createLocalRouter(
    (command) => appender.append(command),
    (error) => logger.error("a listener of a topic failed", { error: thrownError(error) }),
  );
  const ownReads = new OwnReads({ ...store, versions: ids, events: router, clock, logger, metrics });
  const digest = await loadEntryDigest(store.secretKeys, rng);
  const epochs = { current: () => firstEpoch };
  const appender = createAppender(
    { ...store, router, ids, epochs, digest, clock, rng, logger, metrics, parts: appendParts },
    {
      groupMembersMax: config["message.groupMembersMax"],
      conversationsPerAccountMax: config["message.groupsPerAccountMax"],
    },
  );

  const appends = notingOwnSends(
    { append: (command) => router.command(conversationTopic(command.conversationId), command) },
    ownReads,
  );
  const messages = {
    ...store,
    router: appends,
    clock,
    ownReads,
    versions: ids,
    events: router,
    effects: appender,
  };
  return { messages, appender, ownReads, router };
}

/** The epoch of a store whose history was never rewound. */
const firstEpoch = 1n;

function sessionLimits(config: NodeConfig): Partial<NodeLimits> {
  return {
    sessionsMax: config["session.devicesMax"],
    devicesPerAccountMax: config["session.devicesPerAccountMax"],
    opensPerSecond: config["session.attachesPerSecond"],
    // A node that comes back after a crash meets everybody at once.
    opensBurst: 2 * config["session.attachesPerSecond"],
  };
}
