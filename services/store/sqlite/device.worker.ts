import type { DeviceRow } from "../../account/ports.ts";
import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import { blobOf, integerOf, numberOf, type SqliteRow, textOf } from "./column.ts";
import type { CopiedTable } from "./copied-table.ts";

export const deviceSchema = `
  CREATE TABLE device (
    device_id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    create_time_ms INTEGER NOT NULL,
    active_time_ms INTEGER NOT NULL,
    login_count INTEGER NOT NULL,
    refresh_count INTEGER NOT NULL,
    open_refresh_hashes BLOB NOT NULL,
    previous_refresh_hash BLOB NOT NULL,
    refresh_expire_ms INTEGER NOT NULL,
    revoked INTEGER NOT NULL,
    version INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX device_account ON device (account_id, create_time_ms, device_id);
`;

const columns = `device_id, account_id, display_name, create_time_ms, active_time_ms, login_count,
  refresh_count, open_refresh_hashes, previous_refresh_hash, refresh_expire_ms, revoked, version`;

/** The open hashes stand one behind the other in one column. */
const hashBytes = 32;

function rowOf(row: SqliteRow): DeviceRow {
  return {
    deviceId: textOf(row, "device_id"),
    accountId: textOf(row, "account_id"),
    displayName: textOf(row, "display_name"),
    createTimeMs: numberOf(row, "create_time_ms"),
    activeTimeMs: numberOf(row, "active_time_ms"),
    loginCount: numberOf(row, "login_count"),
    refreshCount: numberOf(row, "refresh_count"),
    openRefreshHashes: splitHashes(blobOf(row, "open_refresh_hashes")),
    previousRefreshHash: blobOf(row, "previous_refresh_hash"),
    refreshExpireMs: numberOf(row, "refresh_expire_ms"),
    revoked: numberOf(row, "revoked") === 1,
    version: integerOf(row, "version"),
  };
}

function splitHashes(bytes: Uint8Array): Uint8Array[] {
  const count = Math.ceil(bytes.length / hashBytes);
  return Array.from({ length: count }, (_, index) => bytes.slice(index * hashBytes, (index + 1) * hashBytes));
}

/** The columns in their order. */
function valuesOf(row: DeviceRow) {
  return [
    row.deviceId,
    row.accountId,
    row.displayName,
    row.createTimeMs,
    row.activeTimeMs,
    row.loginCount,
    row.refreshCount,
    Buffer.concat(row.openRefreshHashes),
    row.previousRefreshHash,
    row.refreshExpireMs,
    row.revoked ? 1 : 0,
    row.version,
  ];
}

/** Runs in the worker thread. */
export const deviceProcedures = {
  reads: {
    deviceById: (connection: Connection, deviceId: string): DeviceRow | undefined => {
      const sql = `SELECT ${columns} FROM device WHERE device_id = ?`;
      const row = connection.statement(sql).get(deviceId);
      return row === undefined ? undefined : rowOf(row);
    },

    deviceList: (connection: Connection, accountId: string): DeviceRow[] => {
      const sql = `SELECT ${columns} FROM device WHERE account_id = ?
        ORDER BY create_time_ms DESC, device_id DESC`;
      return connection.statement(sql).all(accountId).map(rowOf);
    },
  },
  writes: {
    deviceInsert: (connection: Connection, row: DeviceRow): boolean => {
      const sql = `INSERT INTO device (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING`;
      return Number(connection.statement(sql).run(...valuesOf(row)).changes) === 1;
    },

    deviceReplace: (
      connection: Connection,
      { row, expectedVersion }: { readonly row: DeviceRow; readonly expectedVersion: bigint },
    ): boolean => {
      const sql = `UPDATE device SET (${columns}) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        WHERE device_id = ? AND version = ?`;
      const { changes } = connection.statement(sql).run(...valuesOf(row), row.deviceId, expectedVersion);
      return Number(changes) === 1;
    },

    deviceRemove: (
      connection: Connection,
      { deviceId, expectedVersion }: { readonly deviceId: string; readonly expectedVersion: bigint },
    ): boolean => {
      const sql = "DELETE FROM device WHERE device_id = ? AND version = ?";
      return Number(connection.statement(sql).run(deviceId, expectedVersion).changes) === 1;
    },
  },
} satisfies ProcedureTables;

export const deviceTable: CopiedTable<DeviceRow> = {
  table: "device",
  columns,
  key: [{ column: "device_id" }],
  rowOf,
  valuesOf,
};
