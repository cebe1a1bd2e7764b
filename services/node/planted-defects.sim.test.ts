import { expect, test } from "vitest";
import { createMessageValidator } from "../rpc/message-validator.ts";
import { simulateSeeds } from "../testkit/sim/simulate-seeds.ts";
import { plantedDefects } from "./fixtures/planted-defects.ts";
import { createNodeCore } from "./node-core.ts";

const validateMessage = createMessageValidator();

test.each(plantedDefects)(
  "simulation sees that $name",
  { timeout: 120_000 },
  async ({ modules, changes = {}, seedsMax }) => {
    const series = await simulateSeeds({
      firstSeed: 1,
      seedsMax,
      changes,
      validateMessage,
      createCore: (options) => createNodeCore({ ...options, modules }),
    });
    expect(series.failed, `nothing was found within ${series.seeds} seeds`).toBeDefined();
  },
);
