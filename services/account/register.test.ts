import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { faultOf, openAccounts, password, refusalOf, registerAs } from "./fixtures/account-fixture.ts";
import { type Registration, register } from "./register.ts";

const request: Registration = {
  requestId: "5e0c4f2e-7f0a-4a52-9b3c-d0a4a7f7c111",
  handle: "alice",
  displayName: "Alice Liddell",
  password,
};

describe("Register", () => {
  test("an account gets an id of 13 characters, its names and the time", async () => {
    const { deps, clock } = await openAccounts();
    const row = await register(deps, request);
    expect(row.accountId).toMatch(/^[0-9a-hjkmnp-tv-z]{13}$/);
    expect(row).toMatchObject({
      handle: "alice",
      displayName: "Alice Liddell",
      createTimeMs: clock.wallMs(),
    });
    expect(row.passwordHash).not.toContain(password);
    expect(await deps.accounts.readByHandle("alice")).toEqual(row);
  });

  test("an empty display name becomes the handle", async () => {
    const { deps } = await openAccounts();
    expect((await register(deps, { ...request, displayName: "" })).displayName).toBe("alice");
  });

  test("the same request again, in other letters and after registration closed, answers with the same account", async () => {
    const { deps } = await openAccounts();
    const row = await register(deps, request);
    const closed = { ...deps, registrationOpen: false };
    expect(await register(closed, { ...request, requestId: request.requestId.toUpperCase() })).toEqual(row);
    expect(await deps.accounts.search("a", "", 10)).toHaveLength(1);
  });

  test("the same request many times at once makes one account, and all get it", async () => {
    const { deps } = await openAccounts();
    const rows = await Promise.all(Array.from({ length: 10 }, () => register(deps, request)));
    expect(new Set(rows.map((row) => row.accountId)).size).toBe(1);
  });

  test("a handle that others want at the same time goes to one of them", async () => {
    const { deps } = await openAccounts();
    const attempts = Array.from({ length: 10 }, () => registerAs(deps, "alice"));
    const outcomes = await Promise.all(attempts.map(refusalOf));
    expect(outcomes.toSorted()).toEqual([...Array.from({ length: 9 }, () => "HANDLE_TAKEN"), "not refused"]);
  });

  test("a taken handle is refused by name", async () => {
    const { deps } = await openAccounts();
    await register(deps, request);
    const fault = await faultOf(registerAs(deps, "alice"), ErrorReason.HANDLE_TAKEN);
    expect(fault.metadata).toEqual({ handle: "alice" });
  });

  test("a request id is not good for a second handle, but is after its first one was taken", async () => {
    const { deps } = await openAccounts();
    await register(deps, request);
    const other = { ...request, handle: "bob" };
    const fault = await faultOf(register(deps, other), ErrorReason.REQUEST_ID_CONFLICT);
    expect(fault.metadata).toEqual({ request_id: request.requestId });
    const retried = { ...request, requestId: deps.rng.uuid() };
    expect(await refusalOf(register(deps, retried))).toBe("HANDLE_TAKEN");
    expect((await register(deps, { ...retried, handle: "bob" })).handle).toBe("bob");
  });

  test("nobody registers where registration is closed", async () => {
    const { deps } = await openAccounts({ registrationOpen: false });
    expect(await refusalOf(register(deps, request))).toBe("REGISTRATION_CLOSED");
    expect(await deps.accounts.readByHandle("alice")).toBeUndefined();
  });

  test("more passwords than may wait are refused with a retry hint", async () => {
    const { deps } = await openAccounts();
    const attempts = Array.from({ length: 70 }, (_, index) => registerAs(deps, `user-${index}`));
    const settled = await Promise.allSettled(attempts);
    const refused = attempts.filter((_, index) => settled[index]?.status === "rejected");
    expect(refused).toHaveLength(4);
    for (const attempt of refused) {
      expect((await faultOf(attempt, ErrorReason.OVERLOADED)).retryDelayMs).toBeGreaterThan(0);
    }
  });
});
