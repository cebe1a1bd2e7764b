import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: ["services/conformance/prepare.ts"],
    include: ["services/**/*.test.ts", "bench/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // A scenario that fails says all that is wrong in its message, which is what .ci/run repeats at the end.
    chaiConfig: { truncateThreshold: 1_000 },
  },
});
