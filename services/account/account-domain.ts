import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import type { SecretKeyStore } from "../kernel/secret-keys.ts";
import { createAccessTokens } from "./access-token.ts";
import type { AccountDeps } from "./account-deps.ts";
import { createAccountMetrics } from "./account-metrics.ts";
import { createPasswordHasher, type PasswordCost } from "./password-hash.ts";
import type { AccountStore, DeviceStore, RevocationSink, SigningKeyStore } from "./ports.ts";
import { type KeySet, openSigningKeys } from "./signing-keys.ts";
import { createTokenVerifier, type TokenVerifier } from "./token-verifier.ts";

/** What the account domain is made of. */
export interface AccountDomainOptions {
  readonly accounts: AccountStore;
  readonly devices: DeviceStore;
  readonly signingKeys: SigningKeyStore;
  readonly secretKeys: SecretKeyStore;
  readonly ids: { next(): Promise<bigint> };
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told after the domain's own verifier. Must not throw. */
  readonly revocations: RevocationSink;
  /** Of access tokens: who makes them, and for whom. */
  readonly issuer: string;
  readonly audience: string;
  readonly passwordCost: PasswordCost;
  readonly registrationOpen: boolean;
}

/** The account domain, ready for use. It has no timers and nothing to stop. */
export interface AccountDomain {
  /** For `accountRoutes`, `createAccount` and `importAccounts`. */
  readonly deps: AccountDeps;
  readonly verifier: TokenVerifier;
  /** What `/.well-known/jwks.json` answers. */
  jwks(): Promise<KeySet>;
  /** Makes the key that signs from now on and returns its id; the one before goes on verifying, older ones do not. */
  rotateSigningKey(): Promise<string>;
}

const secretKeyBytes = 32;

/** Puts the domain together; makes the first signing key and the secrets if the store has none. Rejects as it does. */
export async function createAccountDomain(options: AccountDomainOptions): Promise<AccountDomain> {
  const { accounts, devices, ids, clock, rng, metrics, secretKeys } = options;
  const logger = options.logger.child({ domain: "account" });
  const [keys, hasher, refreshTokenKey, pageTokenKey] = await Promise.all([
    openSigningKeys({ store: options.signingKeys, clock, logger }),
    createPasswordHasher({ cost: options.passwordCost, rng, metrics }),
    secretKeys.readOrCreate("refresh-token", rng.bytes(secretKeyBytes)),
    secretKeys.readOrCreate("page-token", rng.bytes(secretKeyBytes)),
  ]);
  const accessTokens = createAccessTokens({
    keys,
    issuer: options.issuer,
    audience: options.audience,
    clock,
    rng,
  });
  const verifier = createTokenVerifier({ accessTokens, accounts, devices, clock, metrics });
  const revocations: RevocationSink = {
    revoked: (accountId, deviceIds) => {
      verifier.revoked(accountId, deviceIds);
      options.revocations.revoked(accountId, deviceIds);
    },
  };
  return {
    deps: {
      accounts,
      devices,
      ids,
      clock,
      rng,
      logger,
      metrics: createAccountMetrics(metrics),
      hasher,
      accessTokens,
      refreshTokenKey,
      pageTokenKey,
      revocations,
      registrationOpen: options.registrationOpen,
    },
    verifier,
    jwks: () => keys.keySet(),
    rotateSigningKey: () => keys.rotate(),
  };
}
