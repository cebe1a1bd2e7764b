import { type AccountDomain, createAccountDomain } from "../account/account-domain.ts";
import type { Clock } from "../kernel/clock.ts";
import { createIdAllocator } from "../kernel/ids.ts";
import type { Logger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import { type NodeConfig, passwordCost } from "./config.ts";
import { openStore } from "./open-backends.ts";

/** What commands that work on the store itself need. */
export interface AdministrationOptions {
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** The account domain on a node's store, beside a node that may be running on the same store. */
export interface Administration extends AsyncDisposable {
  readonly accounts: AccountDomain;
}

/** Opens the store of a node for administration; close it when done. Throws UnusableDatabase and UnusableMongo. */
export async function openAdministration(options: AdministrationOptions): Promise<Administration> {
  const { config, clock, rng, logger } = options;
  const { store } = await openStore({ config, clock, logger, metrics: silentMetrics });
  const accounts = await createAccountDomain({
    ...store,
    ids: createIdAllocator({ store: store.idSlots, clock, slot: administrationSlot }),
    clock,
    rng,
    logger,
    metrics: silentMetrics,
    // Nobody is attached here; a running node finds out when it next looks at the store.
    revocations: { revoked: () => undefined },
    issuer: config["token.issuer"],
    audience: config["token.audience"],
    passwordCost: passwordCost(config),
    registrationOpen: false,
  });
  return { accounts, [Symbol.asyncDispose]: () => store.stop() };
}

/** Ids made by commands come from a slot of their own, so that a node on the same store never waits for them. */
const administrationSlot = 1023;
