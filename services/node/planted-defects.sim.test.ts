import { expect, test } from "vitest";
import { createMessageValidator } from "../rpc/message-validator.ts";
import { simulateSeeds } from "../testkit/sim/simulate-seeds.ts";
import { backendDefects } from "./fixtures/backend-defects.ts";
import { plantedDefects } from "./fixtures/planted-defects.ts";
import { createNodeCore } from "./node-core.ts";

const validateMessage = createMessageValidator();

test.each([...plantedDefects, ...backendDefects])(
  "simulation sees that $name",
  { timeout: 120_000 },
  async ({ modules = {}, store, coordinator, changes = {}, seedsMax, onlyBy }) => {
    const series = await simulateSeeds({
      firstSeed: 1,
      seedsMax,
      changes,
      validateMessage,
      createCore: (options) =>
        createNodeCore({
          ...options,
          modules,
          store: store?.(options.store) ?? options.store,
          coordinator: coordinator?.(options.coordinator) ?? options.coordinator,
        }),
    });
    const { failed } = series;
    expect(failed, `nothing was found within ${series.seeds} seeds`).toBeDefined();
    if (onlyBy === undefined || failed === undefined) return;
    const found = failed.findings.filter(({ violationCount }) => violationCount > 0);
    expect(onlyBy).toEqual(expect.arrayContaining(found.map(({ check }) => check)));
    expect(failed.complaints).toEqual([]);
  },
);
