import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Rng } from "../kernel/rng.ts";
import type { AccessTokens } from "./access-token.ts";
import type { AccountMetrics } from "./account-metrics.ts";
import type { PasswordHasher } from "./password-hash.ts";
import type { AccountStore, DeviceStore, RevocationSink } from "./ports.ts";

/** What the operations on accounts work with. `createAccountDomain` puts it together. */
export interface AccountDeps {
  readonly accounts: AccountStore;
  readonly devices: DeviceStore;
  /** 64-bit ids that were never given before. */
  readonly ids: { next(): Promise<bigint> };
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: AccountMetrics;
  readonly hasher: PasswordHasher;
  readonly accessTokens: AccessTokens;
  /** Key of the MACs in refresh tokens. */
  readonly refreshTokenKey: Uint8Array;
  /** Key of the MACs in page tokens. */
  readonly pageTokenKey: Uint8Array;
  readonly revocations: RevocationSink;
  /** Whether people may register themselves. */
  readonly registrationOpen: boolean;
}

/** Who calls: the part of `Caller` of the rpc folder that the domain needs. */
export interface AccountCaller {
  readonly accountId: string;
  readonly deviceId: string;
}
