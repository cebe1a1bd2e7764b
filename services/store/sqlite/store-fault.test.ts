import { expect, test } from "vitest";
import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { StoreOutcomeUnknown, StoreRefusal } from "../../sqlite/failures.ts";
import { openSettingsStore } from "./fixtures/settings-database.ts";
import { createSqlitePersonalStore } from "./personal.ts";
import { orStoreFault } from "./store-fault.ts";

const hint = { retryDelayMs: 1_000 };

test("a store whose database is stopped refuses reads and writes with a retry hint", async () => {
  await using opened = await openSettingsStore(createSqlitePersonalStore);
  await opened.database.stop();
  const unavailable = { reason: ErrorReason.STORE_UNAVAILABLE, ...hint };
  await expect(opened.store.read("alice", ["g-1"])).rejects.toMatchObject(unavailable);
  await expect(opened.store.raiseReadCursors([])).rejects.toMatchObject(unavailable);
});

test("a full disk is STORE_UNAVAILABLE and keeps what SQLite said as the cause", async () => {
  const cause = new StoreRefusal("disk full", { kind: "full" });
  const failed = orStoreFault(Promise.reject(cause));
  await expect(failed).rejects.toMatchObject({ reason: ErrorReason.STORE_UNAVAILABLE, cause, ...hint });
});

test("an unknown outcome stays unknown", async () => {
  const failed = orStoreFault(Promise.reject(new StoreOutcomeUnknown("COMMIT failed")));
  await expect(failed).rejects.toMatchObject({ reason: ErrorReason.OUTCOME_UNKNOWN, ...hint });
});

test("a violated constraint is a bug and is thrown on as it is", async () => {
  const cause = new StoreRefusal("UNIQUE constraint failed", { kind: "constraint" });
  await expect(orStoreFault(Promise.reject(cause))).rejects.toBe(cause);
});

test("what went well passes through", async () => {
  expect(await orStoreFault(Promise.resolve(7))).toBe(7);
});
