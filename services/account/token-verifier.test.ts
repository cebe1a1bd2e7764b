import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { waitUntil } from "../testkit/wait-until.ts";
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
import { revokeDevice } from "./revoke-device.ts";
import { createTokenVerifier } from "./token-verifier.ts";

/** A verifier over stores whose reads are counted and can be held up or refused. */
async function openVerifier(cachedMax = 100) {
  const opened = await openAccounts();
  const { deps, clock } = opened;
  await registerAs(deps, "alice");
  const store = { reads: 0, away: false, gate: Promise.resolve() };
  const verifier = createTokenVerifier({
    accessTokens: deps.accessTokens,
    accounts: deps.accounts,
    devices: {
      read: async (deviceId) => {
        store.reads += 1;
        if (store.away) throw new Fault(ErrorReason.STORE_UNAVAILABLE, "away", { retryDelayMs: 1_000 });
        const row = await deps.devices.read(deviceId);
        await store.gate;
        return row;
      },
    },
    clock,
    metrics: silentMetrics,
    cachedMax,
  });
  const tokenOf = async (): Promise<string> => (await loginAs(deps, "alice")).tokens.accessToken;
  return { ...opened, store, verifier, tokenOf };
}

describe("the token verifier", () => {
  test("a verified token is answered from memory until it expires", async () => {
    const { verifier, store, tokenOf, clock } = await openVerifier();
    const token = await tokenOf();
    const first = await verifier.verify(token);
    expect(await verifier.authenticate(token)).toEqual(first);
    expect(store.reads).toBe(1);
    clock.stepWall(599_999);
    await verifier.verify(token);
    clock.stepWall(1);
    expect(await refusalOf(verifier.verify(token))).toBe("TOKEN_EXPIRED");
    expect(store.reads).toBe(1);
  });

  test("each token has an id of its own", async () => {
    const { verifier, deps } = await openVerifier();
    const { tokens, deviceId, account } = await loginAs(deps, "alice");
    const again = await deps.accessTokens.sign({ accountId: account.accountId, deviceId, loginCount: 1 });
    const [one, other] = [await verifier.verify(tokens.accessToken), await verifier.verify(again.token)];
    expect(one.tokenId).not.toBe(other.tokenId);
    expect(one).toMatchObject({
      accountId: account.accountId,
      deviceId,
      tokenExpireMs: tokens.accessExpireMs,
    });
  });

  test("verifications of one token at the same time share one", async () => {
    const { verifier, store, tokenOf } = await openVerifier();
    const token = await tokenOf();
    const all = await Promise.all(Array.from({ length: 50 }, () => verifier.verify(token)));
    expect(new Set(all).size).toBe(1);
    expect(store.reads).toBe(1);
  });

  test("with the store away, tokens verified before go on and others are refused with a retry hint", async () => {
    const { verifier, store, tokenOf } = await openVerifier();
    const [known, fresh] = [await tokenOf(), await tokenOf()];
    await verifier.verify(known);
    store.away = true;
    await verifier.verify(known);
    const fault = await faultOf(verifier.verify(fresh), ErrorReason.STORE_UNAVAILABLE);
    expect(fault.retryDelayMs).toBe(1_000);
    store.away = false;
    await verifier.verify(fresh);
  });

  test("a revocation drops the device's tokens, or all of the account's, and nobody else's", async () => {
    const { verifier, store, deps, tokenOf } = await openVerifier();
    await registerAs(deps, "bob");
    const [phone, laptop, bobs] = [
      await loginAs(deps, "alice"),
      await loginAs(deps, "alice"),
      await loginAs(deps, "bob"),
    ];
    const tokens = [phone, laptop, bobs].map((one) => one.tokens.accessToken);
    for (const token of tokens) await verifier.verify(token);
    store.reads = 0;
    verifier.revoked(phone.account.accountId, [phone.deviceId]);
    for (const token of tokens) await verifier.verify(token);
    expect(store.reads).toBe(1);
    verifier.revoked(phone.account.accountId, undefined);
    for (const token of tokens) await verifier.verify(token);
    expect(store.reads).toBe(3);
    verifier.revoked("nobody", undefined);
    await verifier.verify(await tokenOf());
  });

  test("after forgetting, each token is looked up again, also one whose revocation was missed", async () => {
    const { verifier, store, tokenOf, deps } = await openVerifier();
    const [kept, ended] = [await tokenOf(), await loginAs(deps, "alice")];
    await verifier.verify(kept);
    await verifier.verify(ended.tokens.accessToken);
    // Another node ends the device, and this one does not hear of it.
    await revokeDevice(deps, callerAt(ended), ended.deviceId);
    await verifier.verify(ended.tokens.accessToken);
    verifier.forget();
    expect(await refusalOf(verifier.verify(ended.tokens.accessToken))).toBe("DEVICE_REVOKED");
    const reads = store.reads;
    await verifier.verify(kept);
    expect(store.reads).toBe(reads + 1);
  });

  test("a token that is revoked while it is being verified is refused", async () => {
    const { verifier, store, deps } = await openVerifier();
    const result = await loginAs(deps, "alice");
    const gate = Promise.withResolvers<void>();
    store.gate = gate.promise;
    const verifying = verifier.verify(result.tokens.accessToken);
    // The row was read as good and waits at the gate while the device is revoked.
    await waitUntil("the row was read", () => store.reads === 1);
    await revokeDevice(deps, callerAt(result), result.deviceId);
    verifier.revoked(result.account.accountId, [result.deviceId]);
    gate.resolve();
    expect(await refusalOf(verifying)).toBe("DEVICE_REVOKED");
    expect(await refusalOf(verifier.verify(result.tokens.accessToken))).toBe("DEVICE_REVOKED");
  });

  test("over its limit the token used longest ago is looked up again", async () => {
    const { verifier, store, tokenOf } = await openVerifier(2);
    const [one, two, three] = [await tokenOf(), await tokenOf(), await tokenOf()];
    for (const token of [one, two, one, three]) await verifier.verify(token);
    store.reads = 0;
    for (const token of [one, three]) await verifier.verify(token);
    expect(store.reads).toBe(0);
    await verifier.verify(two);
    expect(store.reads).toBe(1);
  });

  test("the tokens of a deleted account are refused even if its device row is left over", async () => {
    const { verifier, deps } = await openVerifier();
    const result = await loginAs(deps, "alice");
    const row = await deps.devices.read(result.deviceId);
    if (row === undefined) throw new Error("the device is there");
    await deleteAccount(deps, callerAt(result), password);
    await deps.devices.insert(row);
    expect(await refusalOf(verifier.verify(result.tokens.accessToken))).toBe("DEVICE_REVOKED");
  });

  test("a token of unreadable length is refused unread", async () => {
    const { verifier } = await openVerifier();
    expect(await refusalOf(verifier.verify("a".repeat(5_000)))).toBe("TOKEN_INVALID");
  });
});
