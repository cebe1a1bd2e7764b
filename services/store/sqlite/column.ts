import type { SQLOutputValue } from "node:sqlite";

/** A row as node:sqlite gives it, with every INTEGER as a bigint. */
export type SqliteRow = Readonly<Record<string, SQLOutputValue>>;

/** A TEXT column. Throws when the row has something else there, which is a bug of the statement. */
export function textOf(row: SqliteRow, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw mismatch(column, "TEXT", value);
  return value;
}

/** An INTEGER column, all 64 bits of it. Throws as `textOf` does. */
export function integerOf(row: SqliteRow, column: string): bigint {
  const value = row[column];
  if (typeof value !== "bigint") throw mismatch(column, "INTEGER", value);
  return value;
}

/** An INTEGER column that fits a number: times in milliseconds and small counts. Throws as `textOf` does. */
export function numberOf(row: SqliteRow, column: string): number {
  const value = Number(integerOf(row, column));
  if (!Number.isSafeInteger(value)) throw mismatch(column, "INTEGER below 2^53", value);
  return value;
}

/** A BLOB column. Throws as `textOf` does. */
export function blobOf(row: SqliteRow, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw mismatch(column, "BLOB", value);
  return value;
}

function mismatch(column: string, expected: string, value: unknown): Error {
  return new Error(`column ${column} holds ${value === null ? "NULL" : typeof value} instead of ${expected}`);
}
