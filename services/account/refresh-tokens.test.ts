import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { AccountDeps } from "./account-deps.ts";
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
import { refreshTokenLifeMs } from "./limits.ts";
import { refreshTokens } from "./refresh-tokens.ts";
import { logout } from "./revoke-device.ts";

async function openWithDevice() {
  const opened = await openAccounts();
  await registerAs(opened.deps, "alice");
  return { ...opened, device: await loginAs(opened.deps, "alice") };
}

const exchange = async (deps: AccountDeps, token: string): Promise<string> =>
  (await refreshTokens(deps, token)).refreshToken;

describe("RefreshToken", () => {
  test("tokens are exchanged one for the next, and each gives a working access token", async () => {
    const { deps, verifier, clock, device } = await openWithDevice();
    let { refreshToken } = device.tokens;
    for (let round = 0; round < 5; round += 1) {
      clock.stepWall(3_600_000);
      const tokens = await refreshTokens(deps, refreshToken);
      expect(tokens.refreshToken).not.toBe(refreshToken);
      expect(tokens.refreshExpireMs).toBe(clock.wallMs() + refreshTokenLifeMs);
      expect((await verifier.verify(tokens.accessToken)).deviceId).toBe(device.deviceId);
      refreshToken = tokens.refreshToken;
    }
    expect((await deps.devices.read(device.deviceId))?.activeTimeMs).toBe(clock.wallMs());
  });

  test("a token whose answer was lost works again, and so does an answer that came late", async () => {
    const { deps, device } = await openWithDevice();
    const first = device.tokens.refreshToken;
    const late = await exchange(deps, first);
    await exchange(deps, first);
    await exchange(deps, first);
    expect(await refusalOf(refreshTokens(deps, late))).toBe("not refused");
  });

  test("a token presented after its successor was used logs the device out", async () => {
    const { deps, verifier, revocations, device } = await openWithDevice();
    const first = device.tokens.refreshToken;
    const second = await exchange(deps, first);
    const third = await refreshTokens(deps, second);
    await verifier.verify(third.accessToken);
    expect(await refusalOf(refreshTokens(deps, first))).toBe("REFRESH_TOKEN_REUSED");
    expect(revocations).toEqual([[device.account.accountId, [device.deviceId]]]);
    expect(await refusalOf(verifier.verify(third.accessToken))).toBe("DEVICE_REVOKED");
    expect(await refusalOf(refreshTokens(deps, third.refreshToken))).toBe("REFRESH_TOKEN_INVALID");
    expect(await refusalOf(refreshTokens(deps, first))).toBe("REFRESH_TOKEN_INVALID");
  });

  test("a token far older than the last two is still noticed", async () => {
    const { deps, device } = await openWithDevice();
    let token = device.tokens.refreshToken;
    for (let round = 0; round < 10; round += 1) token = await exchange(deps, token);
    expect(await refusalOf(refreshTokens(deps, device.tokens.refreshToken))).toBe("REFRESH_TOKEN_REUSED");
    expect(await refusalOf(refreshTokens(deps, token))).toBe("REFRESH_TOKEN_INVALID");
  });

  test("garbage, and a genuine token with a changed number, are invalid and end nothing", async () => {
    const { deps, revocations, device } = await openWithDevice();
    const newest = await exchange(deps, await exchange(deps, device.tokens.refreshToken));
    const forged = newest.replace(/\.1\.3\./, ".1.1.");
    expect(forged).not.toBe(newest);
    for (const bad of ["x", "a.b.c.d.e", forged, `${newest}A`, device.tokens.accessToken.slice(0, 128)]) {
      expect(await refusalOf(refreshTokens(deps, bad))).toBe("REFRESH_TOKEN_INVALID");
    }
    expect(revocations).toEqual([]);
    await exchange(deps, newest);
  });

  test("two exchanges of one token at once both succeed, and either answer goes on", async () => {
    for (const winner of [0, 1]) {
      const { deps, device } = await openWithDevice();
      const { refreshToken } = device.tokens;
      const answers = await Promise.all([exchange(deps, refreshToken), exchange(deps, refreshToken)]);
      expect(new Set(answers).size).toBe(2);
      await exchange(deps, answers[winner] ?? "");
      expect(await refusalOf(refreshTokens(deps, answers[1 - winner] ?? ""))).toBe("REFRESH_TOKEN_REUSED");
    }
  });

  test("two successors used at once are two parties: the device is logged out", async () => {
    const { deps, device } = await openWithDevice();
    const { refreshToken } = device.tokens;
    const [one, other] = [await exchange(deps, refreshToken), await exchange(deps, refreshToken)];
    const settled = await Promise.allSettled([refreshTokens(deps, one), refreshTokens(deps, other)]);
    expect(settled.map((result) => result.status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect((await deps.devices.read(device.deviceId))?.revoked).toBe(true);
  });

  test("an exchange whose outcome the store does not know can be repeated", async () => {
    const { deps, device } = await openWithDevice();
    const devices = {
      ...deps.devices,
      replace: async (...change: Parameters<typeof deps.devices.replace>): Promise<boolean> => {
        await deps.devices.replace(...change);
        throw new Fault(ErrorReason.OUTCOME_UNKNOWN, "the store fell silent", { retryDelayMs: 1_000 });
      },
    };
    const { refreshToken } = device.tokens;
    expect(await refusalOf(refreshTokens({ ...deps, devices }, refreshToken))).toBe("OUTCOME_UNKNOWN");
    await exchange(deps, await exchange(deps, refreshToken));
  });

  test("a token ends with its 60 days, with Logout and with the account", async () => {
    const { deps, clock, device } = await openWithDevice();
    clock.stepWall(refreshTokenLifeMs);
    expect(await refusalOf(refreshTokens(deps, device.tokens.refreshToken))).toBe("REFRESH_TOKEN_INVALID");
    const second = await loginAs(deps, "alice");
    await logout(deps, callerAt(second));
    expect(await refusalOf(refreshTokens(deps, second.tokens.refreshToken))).toBe("REFRESH_TOKEN_INVALID");
    const third = await loginAs(deps, "alice");
    await deleteAccount(deps, callerAt(third), password);
    expect(await refusalOf(refreshTokens(deps, third.tokens.refreshToken))).toBe("REFRESH_TOKEN_INVALID");
  });

  test("a row that others change at every attempt is refused as overloaded", async () => {
    const { deps, device } = await openWithDevice();
    const contended = { ...deps, devices: { ...deps.devices, replace: async () => false } };
    const fault = await faultOf(refreshTokens(contended, device.tokens.refreshToken), ErrorReason.OVERLOADED);
    expect(fault.retryDelayMs).toBeGreaterThan(0);
  });
});
