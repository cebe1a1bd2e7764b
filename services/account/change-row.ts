import type { AccountDeps } from "./account-deps.ts";
import { rowContended } from "./account-faults.ts";
import { rowAttemptsMax } from "./limits.ts";
import type { AccountRow, DeviceRow } from "./ports.ts";

/** What a change makes of the row as it is now; undefined leaves it alone. It may run several times. */
export type RowChange<Row> = (row: Row | undefined) => Row | undefined | Promise<Row | undefined>;

/**
 * Changes an account by compare-and-set and returns the row as it then stands, with its next version; undefined
 * when `change` left it alone. Throws Fault OVERLOADED after `rowAttemptsMax` lost races, and what `change` throws.
 */
export function changeAccount(
  deps: AccountDeps,
  accountId: string,
  change: RowChange<AccountRow>,
): Promise<AccountRow | undefined> {
  const { accounts } = deps;
  return changeRow(
    { read: () => accounts.readById(accountId), replace: (row, expected) => accounts.replace(row, expected) },
    change,
  );
}

/** The same for a device. */
export function changeDevice(
  deps: AccountDeps,
  deviceId: string,
  change: RowChange<DeviceRow>,
): Promise<DeviceRow | undefined> {
  const { devices } = deps;
  return changeRow(
    { read: () => devices.read(deviceId), replace: (row, expected) => devices.replace(row, expected) },
    change,
  );
}

interface VersionedRows<Row> {
  read(): Promise<Row | undefined>;
  replace(row: Row, expectedVersion: bigint): Promise<boolean>;
}

async function changeRow<Row extends { readonly version: bigint }>(
  rows: VersionedRows<Row>,
  change: RowChange<Row>,
): Promise<Row | undefined> {
  for (let attempt = 1; attempt <= rowAttemptsMax; attempt += 1) {
    const before = await rows.read();
    const changed = await change(before);
    if (before === undefined || changed === undefined) return undefined;
    const after = { ...changed, version: before.version + 1n };
    if (await rows.replace(after, before.version)) return after;
  }
  throw rowContended();
}
