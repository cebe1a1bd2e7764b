import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { RateClass } from "../../gen/parley/policy/v1/policy_pb.ts";
import { configReference, describeConfig } from "../kernel/config-doc.ts";
import { parseConfig } from "../kernel/config-parse.ts";
import { nodeConfigTable, rateTable } from "./config.ts";

function configOf(flags: Readonly<Record<string, string>> = {}, dev = false) {
  const result = parseConfig(nodeConfigTable, { flags, dev });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config.values;
}

const meshFiles = { "mesh-certificate-file": "a", "mesh-key-file": "b", "mesh-authority-file": "c" };

test("docs/configuration.md is what `parley config doc` prints", () => {
  const page = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");
  expect(page.trimEnd()).toBe(configReference(nodeConfigTable).trimEnd());
});

test("every rate class of the contract has a rate, and an address may do as many times more as configured", () => {
  const rates = rateTable(configOf({ "rate-address-factor": "7" }));
  const classes = Object.values(RateClass).filter((value) => typeof value === "number" && value !== 0);
  expect(new Set(rates.keys())).toEqual(new Set(classes));
  expect(rates.get(RateClass.READ)?.address).toEqual({ perSecond: 350, burst: 1400 });
});

test("a certificate without its key is refused", () => {
  const result = parseConfig(nodeConfigTable, { flags: { "tls-certificate-file": "cert.pem" } });
  expect(result).toMatchObject({
    ok: false,
    problems: [{ message: expect.stringContaining("belong together") }],
  });
});

test.each([
  [{ "mesh-host": "10.0.0.7" }, /mesh\.host 10\.0\.0\.7 is not a loopback address.*mesh\.certificateFile/],
  [{ "mesh-certificate-file": "a" }, /mesh\.keyFile and mesh\.authorityFile must be set, too/],
  [{ "mesh-certificate-file": "a", "mesh-key-file": "b" }, /: mesh\.authorityFile must be set, too/],
  [{ ...meshFiles, "mesh-host": "0.0.0.0" }, /mesh\.advertise must be set where mesh\.host is 0\.0\.0\.0/],
])("a mesh with %j is refused, with the settings that are missing", (flags, says) => {
  const result = parseConfig(nodeConfigTable, { flags });
  expect(result).toMatchObject({ ok: false, problems: [{ message: expect.stringMatching(says) }] });
});

test("a mesh that has certificates may be reached from other machines", () => {
  expect(configOf({ ...meshFiles, "mesh-host": "10.0.0.7" })["cluster.name"]).toBe("parley");
});

test("a store of an unknown kind is refused by name", () => {
  const result = parseConfig(nodeConfigTable, { flags: { "store-url": "mysql://x" } });
  expect(result).toMatchObject({ ok: false, problems: [{ name: "--store-url" }] });
});

test("a password comes from the environment and is not shown", () => {
  const environment = {
    PARLEY_STORE_URL: "mongodb://parley@db1/chat",
    PARLEY_STORE_PASSWORD: "a secret",
    PARLEY_COORDINATOR_URL: "sqlite:/var/lib/parley",
  };
  const result = parseConfig(nodeConfigTable, { environment });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  expect(result.config.values["store.password"]).toBe("a secret");
  expect(JSON.stringify(describeConfig(nodeConfigTable, result.config))).not.toContain("a secret");
});

test("registration and reflection are closed unless it is dev", () => {
  expect(configOf()).toMatchObject({ "registration.open": false, "reflection.enabled": false });
  expect(configOf({}, true)).toMatchObject({ "registration.open": true, "reflection.enabled": true });
});
