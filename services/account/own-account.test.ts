/** The operations of a person on the own account: read, change, password, devices, deletion. */
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
import { getAccount } from "./get-account.ts";
import { listDevices } from "./list-devices.ts";
import { login } from "./login.ts";
import { logout, revokeDevice } from "./revoke-device.ts";
import { updateAccount, versionText } from "./update-account.ts";

async function openWithAlice() {
  const opened = await openAccounts();
  await registerAs(opened.deps, "alice");
  const phone = await loginAs(opened.deps, "alice");
  return { ...opened, phone, caller: callerAt(phone), alice: phone.account };
}

describe("GetAccount", () => {
  test("an account is read by id, by handle, and as one's own", async () => {
    const { deps, caller, alice } = await openWithAlice();
    const bob = await registerAs(deps, "bob");
    expect(await getAccount(deps, caller, { by: "self" })).toEqual(alice);
    expect(await getAccount(deps, caller, { by: "id", accountId: bob.accountId })).toEqual(bob);
    expect(await getAccount(deps, caller, { by: "handle", handle: "bob" })).toEqual(bob);
  });

  test("what does not exist is not found, by the name it was asked for", async () => {
    const { deps, caller } = await openWithAlice();
    const byId = getAccount(deps, caller, { by: "id", accountId: "nobody" });
    expect((await faultOf(byId, ErrorReason.ACCOUNT_NOT_FOUND)).metadata).toEqual({ account_id: "nobody" });
    const byHandle = getAccount(deps, caller, { by: "handle", handle: "Alice" });
    expect((await faultOf(byHandle, ErrorReason.ACCOUNT_NOT_FOUND)).metadata).toEqual({ handle: "Alice" });
  });
});

describe("UpdateAccount", () => {
  test("a name is changed at the version expected, and at none when it is another", async () => {
    const { deps, caller, alice } = await openWithAlice();
    const expectedVersion = versionText(alice);
    const changed = await updateAccount(deps, caller, { expectedVersion, displayName: "Alice" });
    expect(changed.displayName).toBe("Alice");
    expect(versionText(changed)).not.toBe(expectedVersion);
    const late = updateAccount(deps, caller, { expectedVersion, displayName: "late" });
    const fault = await faultOf(late, ErrorReason.VERSION_MISMATCH);
    expect(fault.metadata).toEqual({ version: versionText(changed) });
    expect(await getAccount(deps, caller, { by: "self" })).toEqual(changed);
  });

  test("without an expected version the last one wins, and a repeated call keeps the version", async () => {
    const { deps, caller } = await openWithAlice();
    const update = { expectedVersion: "", displayName: "Alice" };
    const changed = await updateAccount(deps, caller, update);
    expect(await updateAccount(deps, caller, update)).toEqual(changed);
    expect(await updateAccount(deps, caller, { expectedVersion: "", displayName: undefined })).toEqual(
      changed,
    );
  });

  test("of many changes at once on one version one is made", async () => {
    const { deps, caller, alice } = await openWithAlice();
    const settled = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        updateAccount(deps, caller, { expectedVersion: versionText(alice), displayName: `name ${index}` }),
      ),
    );
    expect(settled.filter((one) => one.status === "fulfilled")).toHaveLength(1);
  });
});

describe("devices", () => {
  test("the list has the devices that are logged in, newest first", async () => {
    const { deps, caller, phone, clock } = await openWithAlice();
    await clock.advance(1_000);
    const laptop = await loginAs(deps, "alice");
    await clock.advance(1_000);
    const tablet = await loginAs(deps, "alice");
    await logout(deps, callerAt(laptop));
    const ids = (await listDevices(deps, caller)).map((row) => row.deviceId);
    expect(ids).toEqual([tablet.deviceId, phone.deviceId]);
  });

  test("a device is revoked as often as asked, and everybody is told each time", async () => {
    const { deps, verifier, caller, alice, revocations } = await openWithAlice();
    const laptop = await loginAs(deps, "alice");
    await verifier.verify(laptop.tokens.accessToken);
    await revokeDevice(deps, caller, laptop.deviceId);
    expect(await refusalOf(verifier.verify(laptop.tokens.accessToken))).toBe("DEVICE_REVOKED");
    await revokeDevice(deps, caller, laptop.deviceId);
    const told = [alice.accountId, [laptop.deviceId]];
    expect(revocations).toEqual([told, told]);
  });

  test("a device of somebody else's, or of nobody's, is not found and stays", async () => {
    const { deps, verifier, caller, revocations } = await openWithAlice();
    await registerAs(deps, "bob");
    const bobs = await loginAs(deps, "bob");
    for (const deviceId of [bobs.deviceId, "nobody's"]) {
      const fault = await faultOf(revokeDevice(deps, caller, deviceId), ErrorReason.DEVICE_NOT_FOUND);
      expect(fault.metadata).toEqual({ device_id: deviceId });
    }
    await verifier.verify(bobs.tokens.accessToken);
    expect(revocations).toEqual([]);
  });

  test("Logout ends the calling device and can be repeated", async () => {
    const { deps, verifier, caller, phone, revocations, alice } = await openWithAlice();
    await verifier.verify(phone.tokens.accessToken);
    await logout(deps, caller);
    expect(await refusalOf(verifier.verify(phone.tokens.accessToken))).toBe("DEVICE_REVOKED");
    await logout(deps, caller);
    expect(revocations[0]).toEqual([alice.accountId, [phone.deviceId]]);
    expect(await listDevices(deps, caller)).toEqual([]);
  });
});

describe("ChangePassword", () => {
  const change = { oldPassword: password, newPassword: "staple and horse", revokeOtherDevices: false };

  test("the new password logs in, the old one does not, and devices stay", async () => {
    const { deps, verifier, caller, phone } = await openWithAlice();
    const laptop = await loginAs(deps, "alice");
    await changePassword(deps, caller, change);
    expect(await refusalOf(loginAs(deps, "alice"))).toBe("CREDENTIALS_WRONG");
    await login(deps, { handle: "alice", password: change.newPassword, deviceId: "", deviceName: "" });
    await verifier.verify(phone.tokens.accessToken);
    await verifier.verify(laptop.tokens.accessToken);
  });

  test("asked to, it ends all devices but the calling one", async () => {
    const { deps, verifier, caller, phone } = await openWithAlice();
    const laptop = await loginAs(deps, "alice");
    await verifier.verify(laptop.tokens.accessToken);
    await changePassword(deps, caller, { ...change, revokeOtherDevices: true });
    await verifier.verify(phone.tokens.accessToken);
    expect(await refusalOf(verifier.verify(laptop.tokens.accessToken))).toBe("DEVICE_REVOKED");
    expect((await listDevices(deps, caller)).map((row) => row.deviceId)).toEqual([phone.deviceId]);
  });

  test("a device that logs in with the old password at the last moment is ended too", async () => {
    const { deps, caller, phone } = await openWithAlice();
    const late: string[] = [];
    const accounts = {
      ...deps.accounts,
      replace: async (...replacement: Parameters<typeof deps.accounts.replace>): Promise<boolean> => {
        late.push((await loginAs(deps, "alice")).deviceId);
        return deps.accounts.replace(...replacement);
      },
    };
    await changePassword({ ...deps, accounts }, caller, { ...change, revokeOtherDevices: true });
    expect(late).toHaveLength(1);
    expect((await listDevices(deps, caller)).map((row) => row.deviceId)).toEqual([phone.deviceId]);
  });

  test("a wrong old password changes nothing and ends no device", async () => {
    const { deps, verifier, caller } = await openWithAlice();
    const laptop = await loginAs(deps, "alice");
    const wrong = { ...change, oldPassword: "a wrong password", revokeOtherDevices: true };
    expect(await refusalOf(changePassword(deps, caller, wrong))).toBe("CREDENTIALS_WRONG");
    await loginAs(deps, "alice");
    await verifier.verify(laptop.tokens.accessToken);
  });

  test("of two changes at once one is made", async () => {
    const { deps, caller } = await openWithAlice();
    const settled = await Promise.allSettled([
      changePassword(deps, caller, change),
      changePassword(deps, caller, { ...change, newPassword: "quite another" }),
    ]);
    expect(settled.map((one) => one.status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });
});

describe("DeleteAccount", () => {
  test("account and devices are gone at once, the handle is free, and everybody is told", async () => {
    const { deps, verifier, caller, phone, alice, revocations } = await openWithAlice();
    await verifier.verify(phone.tokens.accessToken);
    await deleteAccount(deps, caller, password);
    expect(revocations).toEqual([[alice.accountId, undefined]]);
    expect(await refusalOf(verifier.verify(phone.tokens.accessToken))).toBe("DEVICE_REVOKED");
    expect(await refusalOf(loginAs(deps, "alice"))).toBe("CREDENTIALS_WRONG");
    expect(await deps.accounts.existing([alice.accountId])).toEqual(new Set());
    expect(await deps.devices.list(alice.accountId)).toEqual([]);
    const next = await registerAs(deps, "alice");
    expect(next.accountId).not.toBe(alice.accountId);
  });

  test("a wrong password deletes nothing", async () => {
    const { deps, caller, alice } = await openWithAlice();
    expect(await refusalOf(deleteAccount(deps, caller, "a wrong password"))).toBe("CREDENTIALS_WRONG");
    expect(await deps.accounts.readById(alice.accountId)).toEqual(alice);
  });

  test("what the caller does afterwards on a token still in flight is refused", async () => {
    const { deps, caller } = await openWithAlice();
    await deleteAccount(deps, caller, password);
    expect(await refusalOf(getAccount(deps, caller, { by: "self" }))).toBe("DEVICE_REVOKED");
    const update = { expectedVersion: "", displayName: "ghost" };
    expect(await refusalOf(updateAccount(deps, caller, update))).toBe("DEVICE_REVOKED");
    expect(await refusalOf(deleteAccount(deps, caller, password))).toBe("DEVICE_REVOKED");
    expect(await listDevices(deps, caller)).toEqual([]);
    await logout(deps, caller);
  });
});
