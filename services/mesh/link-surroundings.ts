import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Rng } from "../kernel/rng.ts";
import type { LinkLimits } from "./link-limits.ts";
import type { LinkMetrics } from "./link-metrics.ts";
import type { OwnLag } from "./own-lag.ts";
import type { MeshTransport } from "./transport.ts";

/** What all links of a node share. */
export interface LinkSurroundings {
  readonly transport: MeshTransport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly limits: LinkLimits;
  readonly metrics: LinkMetrics;
  readonly ownLag: Pick<OwnLag, "lagMs">;
}
