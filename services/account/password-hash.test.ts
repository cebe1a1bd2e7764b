import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { seededRng } from "../testkit/seeded-rng.ts";
import { cheapCost, faultOf } from "./fixtures/account-fixture.ts";
import { hashesAtOnceMax, hashesWaitingMax } from "./limits.ts";
import {
  assertPasswordCost,
  createPasswordHasher,
  passwordCostDefault,
  passwordHashProblem,
} from "./password-hash.ts";

const openHasher = (cost = cheapCost) =>
  createPasswordHasher({ cost, rng: seededRng(1), metrics: silentMetrics });

describe("the password hasher", () => {
  test("a password matches its own hash and no other password's", async () => {
    const hasher = await openHasher();
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 8 }), fc.string({ minLength: 8 }), async (one, other) => {
        const phc = await hasher.hash(one);
        expect(await hasher.verify(phc, one)).toBe(true);
        expect(await hasher.verify(phc, other)).toBe(one === other);
        expect(await hasher.verify(phc, `${one} `)).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  test("the hash is a PHC string of Argon2id at the cost asked for, salted anew each time", async () => {
    const hasher = await openHasher({ memoryKib: 16, passes: 3, lanes: 2 });
    const [one, other] = [await hasher.hash("password"), await hasher.hash("password")];
    expect(one).toMatch(/^\$argon2id\$v=19\$m=16,t=3,p=2\$/);
    expect(one).not.toBe(other);
  });

  test("no password matches where there is no hash", async () => {
    const hasher = await openHasher();
    expect(await hasher.verify(undefined, "password")).toBe(false);
  });

  test("one password too many is refused with a retry hint, and the others are hashed", async () => {
    const hasher = await openHasher();
    const accepted = Array.from({ length: hashesAtOnceMax + hashesWaitingMax }, () =>
      hasher.hash("password"),
    );
    const fault = await faultOf(hasher.hash("password"), ErrorReason.OVERLOADED);
    expect(fault.metadata).toEqual({ limit: "password_hash" });
    expect(fault.retryDelayMs).toBe(1_000);
    expect(await Promise.all(accepted)).toHaveLength(66);
    expect(await hasher.hash("password")).toContain("$argon2id$");
  });

  test("a caller that goes away leaves the queue", async () => {
    const hasher = await openHasher();
    const leaving = new AbortController();
    const running = Array.from({ length: hashesAtOnceMax }, () => hasher.hash("password"));
    const waiting = hasher.hash("password", leaving.signal);
    leaving.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    await Promise.all(running);
  });
});

describe("assertPasswordCost", () => {
  test("production takes the default and dearer, and refuses what is cheaper in any way", () => {
    const { memoryKib, passes } = passwordCostDefault;
    assertPasswordCost(passwordCostDefault, true);
    assertPasswordCost({ memoryKib: memoryKib * 2, passes: passes + 1, lanes: 2 }, true);
    for (const cheaper of [{ memoryKib: memoryKib - 1 }, { passes: passes - 1 }, { lanes: 0 }]) {
      expect(() => assertPasswordCost({ ...passwordCostDefault, ...cheaper }, true)).toThrow(
        "for tests only",
      );
    }
    assertPasswordCost(cheapCost, false);
  });
});

describe("passwordHashProblem", () => {
  test("a hash of ours is taken over", async () => {
    const hasher = await openHasher();
    expect(passwordHashProblem(await hasher.hash("password"))).toBeUndefined();
  });

  test("another algorithm, garbage, and a hash that would stop the node are refused", () => {
    const tail = "$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA";
    const refused = [
      "",
      "secret",
      `$argon2i$v=19$m=8,t=1,p=1${tail}`,
      `$argon2id$v=16$m=8,t=1,p=1${tail}`,
      `$argon2id$v=19$m=8,t=1,p=1${tail}\n`,
      `$argon2id$v=19$m=4194304,t=1,p=1${tail}`,
      `$argon2id$v=19$m=8,t=1000,p=1${tail}`,
      `$argon2id$v=19$m=9999999,t=1,p=200${tail}`,
      `$argon2id$v=19$m=99999999999,t=1,p=1${tail}`,
      "$2b$12$abcdefghijklmnopqrstuuMZ",
    ];
    expect(refused.filter((bad) => passwordHashProblem(bad) === undefined)).toEqual([]);
  });
});
