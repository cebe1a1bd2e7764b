import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { callerKey } from "../rpc/caller.ts";
import { openAccounts, password, refusalOf } from "./fixtures/account-fixture.ts";
import { accountRoutes } from "./routes.ts";
import type { TokenVerifier } from "./token-verifier.ts";

const secret = { text: password };

/** Puts the caller where the real interceptor puts it. */
function authenticating(verifier: TokenVerifier): Interceptor {
  return (next) => async (request) => {
    const token = request.header.get("authorization");
    if (token !== null) request.contextValues.set(callerKey, await verifier.authenticate(token));
    return next(request);
  };
}

/** A client of the service in this process; `as` gives the headers of a logged-in caller. */
async function openClient() {
  const opened = await openAccounts();
  const transport = createRouterTransport(accountRoutes(opened.deps), {
    router: { interceptors: [authenticating(opened.verifier)] },
  });
  const client = createClient(AccountService, transport);
  const requestId = opened.deps.rng.uuid();
  const { account } = await client.register({ requestId, handle: "alice", password: secret });
  const session = await client.login({ handle: "alice", password: secret, deviceName: "phone" });
  const as = { headers: { authorization: session.tokens?.accessToken ?? "" } };
  return { ...opened, client, account, session, as };
}

describe("AccountService", () => {
  test("Register and Login answer with the own account, a device and its tokens", async () => {
    const { account, session, clock } = await openClient();
    expect(account).toMatchObject({ handle: "alice", displayName: "alice" });
    expect(account?.version).not.toBe("");
    expect(account?.createTime && timestampMs(account.createTime)).toBe(clock.wallMs());
    expect(session.account).toEqual(account);
    const { tokens } = session;
    expect(tokens?.accessExpireTime && timestampMs(tokens.accessExpireTime)).toBe(clock.wallMs() + 600_000);
    expect(tokens?.refreshExpireTime && timestampMs(tokens.refreshExpireTime)).toBe(
      clock.wallMs() + 60 * 86_400_000,
    );
  });

  test("RefreshToken answers with new tokens that work", async () => {
    const { client, session } = await openClient();
    const { tokens } = await client.refreshToken({ refreshToken: session.tokens?.refreshToken ?? "" });
    const headers = { authorization: tokens?.accessToken ?? "" };
    expect((await client.getAccount({}, { headers })).account?.handle).toBe("alice");
  });

  test("GetAccount shows the version of one's own account only", async () => {
    const { client, as, account, deps } = await openClient();
    await client.register({ requestId: deps.rng.uuid(), handle: "bob", password: secret });
    const bob = await client.getAccount({ account: { case: "handle", value: "bob" } }, as);
    expect(bob.account).toMatchObject({ handle: "bob", version: "" });
    const byId = { case: "accountId" as const, value: account?.accountId ?? "" };
    expect((await client.getAccount({ account: byId }, as)).account).toEqual(account);
    expect((await client.getAccount({}, as)).account).toEqual(account);
  });

  test("UpdateAccount changes what is set", async () => {
    const { client, as, account } = await openClient();
    const expectedVersion = account?.version ?? "";
    const changed = await client.updateAccount({ expectedVersion, displayName: "Alice" }, as);
    expect(changed.account).toMatchObject({ handle: "alice", displayName: "Alice" });
    expect((await client.updateAccount({}, as)).account).toEqual(changed.account);
  });

  test("ListDevices marks the calling device, RevokeDevice and Logout end devices", async () => {
    const { client, as, session, verifier } = await openClient();
    const other = await client.login({ handle: "alice", password: secret, deviceName: "laptop" });
    const { devices } = await client.listDevices({}, as);
    expect(new Map(devices.map((device) => [device.displayName, device.current]))).toEqual(
      new Map([
        ["laptop", false],
        ["phone", true],
      ]),
    );
    await client.revokeDevice({ deviceId: other.deviceId }, as);
    expect((await client.listDevices({}, as)).devices.map((device) => device.deviceId)).toEqual([
      session.deviceId,
    ]);
    await client.logout({}, as);
    expect(await refusalOf(verifier.verify(as.headers.authorization))).toBe("DEVICE_REVOKED");
  });

  test("SearchAccounts pages by handle", async () => {
    const { client, as, deps } = await openClient();
    await client.register({ requestId: deps.rng.uuid(), handle: "alan", password: secret });
    const first = await client.searchAccounts({ handlePrefix: "al", pageSize: 1 }, as);
    expect(first.accounts.map((found) => [found.handle, found.version])).toEqual([["alan", ""]]);
    const pageToken = first.nextPageToken;
    const second = await client.searchAccounts({ handlePrefix: "al", pageSize: 1, pageToken }, as);
    expect(second.accounts.map((found) => found.handle)).toEqual(["alice"]);
    expect(second.nextPageToken).toBe("");
  });

  test("ChangePassword and DeleteAccount take the password", async () => {
    const { client, as, deps } = await openClient();
    const newPassword = { text: "staple and horse" };
    await client.changePassword({ oldPassword: secret, newPassword }, as);
    await client.login({ handle: "alice", password: newPassword });
    await client.deleteAccount({ password: newPassword }, as);
    expect(await deps.accounts.readByHandle("alice")).toBeUndefined();
  });
});
