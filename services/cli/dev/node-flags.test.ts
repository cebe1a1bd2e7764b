import { expect, test } from "vitest";
import { exitCodes } from "../exit-codes.ts";
import { ownFlags, sharedFlags } from "./node-flags.ts";
import { portsOf } from "./node-ports.ts";

test("settings that all nodes share become flags again, under the names that the node knows", () => {
  const options = {
    logLevel: "info",
    corsOrigins: ["https://a", "https://b"],
    config: "p.json",
    nodeRoles: undefined,
  };
  expect(sharedFlags(options).join(" ")).toBe(
    "--log-level info --cors-origins https://a,https://b --config p.json",
  );
});

test.each(["nodeId", "publicPort", "meshPort", "adminPort", "tlsPort", "meshAdvertise"])(
  "%s cannot be the same for several nodes",
  (name) => {
    expect(() => sharedFlags({ [name]: "7080" })).toThrow(
      expect.objectContaining({
        exitCode: exitCodes.usage,
        message: expect.stringMatching(/^--[a-z-]+ is for one/),
      }),
    );
  },
);

test("each node has a name and ports of its own", () => {
  expect(ownFlags(2, portsOf(2, 7080)).join(" ")).toBe(
    "--node-id node-2 --public-port 7090 --mesh-port 7091 --admin-port 7092 --tls-port 7093",
  );
});
