import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { changePassword } from "./change-password.ts";
import { deleteAccount } from "./delete-account.ts";
import {
  callerAt,
  faultOf,
  loginAs,
  openAccounts,
  password,
  refusalOf,
  registerAs,
} from "./fixtures/account-fixture.ts";
import { devicesMax, devicesRememberedMax, refreshTokenLifeMs } from "./limits.ts";
import { listDevices } from "./list-devices.ts";
import { login } from "./login.ts";
import type { PasswordHasher } from "./password-hash.ts";
import { refreshTokens } from "./refresh-tokens.ts";
import { logout, revokeDevice } from "./revoke-device.ts";

async function openWithAlice() {
  const opened = await openAccounts();
  return { ...opened, alice: await registerAs(opened.deps, "alice") };
}

describe("Login", () => {
  test("a device gets an id and tokens that work", async () => {
    const { deps, verifier, clock, alice } = await openWithAlice();
    const result = await loginAs(deps, "alice");
    expect(result.account).toEqual(alice);
    expect(result.deviceId).toMatch(/^[0-9a-hjkmnp-tv-z]{13}$/);
    const verified = await verifier.authenticate(result.tokens.accessToken);
    expect(verified).toMatchObject({ accountId: alice.accountId, deviceId: result.deviceId });
    expect(result.tokens.accessExpireMs).toBe(clock.wallMs() + 600_000);
    expect(result.tokens.refreshExpireMs).toBe(clock.wallMs() + 60 * 86_400_000);
    expect(result.tokens.refreshToken.length).toBeLessThanOrEqual(128);
  });

  test("the store holds neither the refresh token nor any part of it that is secret", async () => {
    const { deps } = await openWithAlice();
    const { deviceId, tokens } = await loginAs(deps, "alice");
    const stored = JSON.stringify(await deps.devices.read(deviceId), (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : String(value),
    );
    for (const part of tokens.refreshToken.split(".").slice(3)) expect(stored).not.toContain(part);
  });

  test("a wrong password and an unknown handle get the same answer after the same work", async () => {
    const { deps } = await openWithAlice();
    const verified: boolean[] = [];
    const hasher: PasswordHasher = {
      ...deps.hasher,
      verify: (phc, text) => {
        verified.push(phc !== undefined);
        return deps.hasher.verify(phc, text);
      },
    };
    const attempt = (handle: string) =>
      login({ ...deps, hasher }, { handle, password: "wrong password", deviceId: "", deviceName: "" });
    const wrong = await faultOf(attempt("alice"), ErrorReason.CREDENTIALS_WRONG);
    const unknown = await faultOf(attempt("nobody"), ErrorReason.CREDENTIALS_WRONG);
    expect([wrong.message, wrong.metadata]).toEqual([unknown.message, unknown.metadata]);
    expect(verified).toEqual([true, false]);
  });

  test("a device that presents its id keeps it, and its earlier tokens and streams end", async () => {
    const { deps, verifier, revocations, alice } = await openWithAlice();
    const first = await loginAs(deps, "alice");
    await verifier.verify(first.tokens.accessToken);
    const second = await loginAs(deps, "alice", first.deviceId);
    expect(second.deviceId).toBe(first.deviceId);
    expect(revocations).toEqual([[alice.accountId, [first.deviceId]]]);
    expect(await refusalOf(verifier.verify(first.tokens.accessToken))).toBe("DEVICE_REVOKED");
    expect(await refusalOf(refreshTokens(deps, first.tokens.refreshToken))).toBe("REFRESH_TOKEN_INVALID");
    await verifier.verify(second.tokens.accessToken);
    await refreshTokens(deps, second.tokens.refreshToken);
    expect(await listDevices(deps, callerAt(second))).toHaveLength(1);
  });

  test("a device that was logged out comes back under its id", async () => {
    const { deps, verifier } = await openWithAlice();
    const first = await loginAs(deps, "alice");
    await logout(deps, callerAt(first));
    const second = await loginAs(deps, "alice", first.deviceId);
    expect(second.deviceId).toBe(first.deviceId);
    await verifier.verify(second.tokens.accessToken);
    expect(await refusalOf(verifier.verify(first.tokens.accessToken))).toBe("DEVICE_REVOKED");
  });

  test("the id of another account's device, or of none, is not found, and nothing happens to it", async () => {
    const { deps, verifier } = await openWithAlice();
    await registerAs(deps, "bob");
    const bobs = await loginAs(deps, "bob");
    const fault = await faultOf(loginAs(deps, "alice", bobs.deviceId), ErrorReason.DEVICE_NOT_FOUND);
    expect(fault.metadata).toEqual({ device_id: bobs.deviceId });
    expect(await refusalOf(loginAs(deps, "alice", "no such device"))).toBe("DEVICE_NOT_FOUND");
    await verifier.verify(bobs.tokens.accessToken);
  });

  test("two logins at once under one id leave one of them in force", async () => {
    const { deps, verifier } = await openWithAlice();
    const { deviceId } = await loginAs(deps, "alice");
    const both = await Promise.all([loginAs(deps, "alice", deviceId), loginAs(deps, "alice", deviceId)]);
    const checks = await Promise.allSettled(both.map((one) => verifier.verify(one.tokens.accessToken)));
    expect(checks.map((check) => check.status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });
});

describe("the number of devices", () => {
  test("one device more than allowed is refused until another has ended", async () => {
    const { deps } = await openWithAlice();
    const logins = [];
    for (let index = 0; index < devicesMax; index += 1) logins.push(await loginAs(deps, "alice"));
    const [first] = logins;
    if (first === undefined) throw new Error("there are logins");
    const fault = await faultOf(loginAs(deps, "alice"), ErrorReason.DEVICE_LIMIT);
    expect(fault.metadata).toEqual({ limit: "100" });
    await loginAs(deps, "alice", first.deviceId);
    await revokeDevice(deps, callerAt(first), first.deviceId);
    await loginAs(deps, "alice");
    expect(await refusalOf(loginAs(deps, "alice", first.deviceId))).toBe("DEVICE_LIMIT");
  });

  test("logins that race for the last place never take more than there are", async () => {
    const { deps } = await openWithAlice();
    let last = await loginAs(deps, "alice");
    for (let index = 2; index < devicesMax; index += 1) last = await loginAs(deps, "alice");
    // All of them have seen the free place before the first one takes it.
    const racers = 5;
    const start = Promise.withResolvers<void>();
    let arrived = 0;
    const ids = {
      next: async (): Promise<bigint> => {
        arrived += 1;
        if (arrived === racers) start.resolve();
        await start.promise;
        return deps.ids.next();
      },
    };
    await Promise.allSettled(Array.from({ length: racers }, () => loginAs({ ...deps, ids }, "alice")));
    expect(arrived).toBe(racers);
    const rows = await deps.devices.list(last.account.accountId);
    expect(rows.filter((row) => !row.revoked).length).toBeLessThanOrEqual(devicesMax);
    expect(rows.length).toBe(devicesMax - 1 + racers);
  });

  test("devices whose refresh token expired are logged out and make room", async () => {
    const { deps, clock } = await openWithAlice();
    for (let index = 0; index < devicesMax; index += 1) await loginAs(deps, "alice");
    clock.stepWall(refreshTokenLifeMs);
    const late = await loginAs(deps, "alice");
    expect((await listDevices(deps, callerAt(late))).map((row) => row.deviceId)).toEqual([late.deviceId]);
  });

  test("of many ended devices those unused for longest are forgotten", async () => {
    const { deps, clock, alice } = await openWithAlice();
    const ids: string[] = [];
    for (let index = 0; index < devicesRememberedMax + 20; index += 1) {
      clock.stepWall(1_000);
      const result = await loginAs(deps, "alice");
      ids.push(result.deviceId);
      await logout(deps, callerAt(result));
    }
    const kept = (await deps.devices.list(alice.accountId)).map((row) => row.deviceId);
    expect(kept.length).toBeLessThanOrEqual(devicesRememberedMax);
    expect(kept).toContain(ids.at(-1));
    expect(await refusalOf(loginAs(deps, "alice", ids[0]))).toBe("DEVICE_NOT_FOUND");
    await loginAs(deps, "alice", ids.at(-1));
  });
});

/** Runs `between` after the password was checked and before the device is written. */
async function loginAround(between: (opened: Awaited<ReturnType<typeof openWithAlice>>) => Promise<void>) {
  const opened = await openWithAlice();
  const { deps } = opened;
  let interrupted = false;
  const ids = {
    next: async (): Promise<bigint> => {
      if (!interrupted) {
        interrupted = true;
        await between(opened);
      }
      return deps.ids.next();
    },
  };
  expect(await refusalOf(loginAs({ ...deps, ids }, "alice"))).toBe("CREDENTIALS_WRONG");
  expect(interrupted).toBe(true);
  return { ...opened, rows: await deps.devices.list(opened.alice.accountId) };
}

describe("a Login that overlaps with", () => {
  test("a change of the password is refused, and its device is not left logged in", async () => {
    const { rows } = await loginAround(async ({ deps }) => {
      const caller = callerAt(await loginAs(deps, "alice"));
      const change = { oldPassword: password, newPassword: "another password", revokeOtherDevices: true };
      await changePassword(deps, caller, change);
    });
    expect(rows.filter((row) => !row.revoked)).toHaveLength(1);
  });

  test("the deletion of the account is refused, and its device is not left logged in", async () => {
    const { rows, deps } = await loginAround(async (opened) => {
      await deleteAccount(opened.deps, callerAt(await loginAs(opened.deps, "alice")), password);
    });
    expect(rows.filter((row) => !row.revoked)).toEqual([]);
    expect(await refusalOf(loginAs(deps, "alice"))).toBe("CREDENTIALS_WRONG");
  });
});
