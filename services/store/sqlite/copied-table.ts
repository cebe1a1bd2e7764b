import type { SQLInputValue } from "node:sqlite";
import type { Connection } from "../../sqlite/procedures.ts";
import type { RowKey } from "../copy/collections.ts";
import { numberOf, type SqliteRow } from "./column.ts";

/** A table whose rows are copied from one store to another. */
export interface CopiedTable<Row> {
  readonly table: string;
  /** All that belong to a row, by commas. */
  readonly columns: string;
  /** Of a unique index, in its order. */
  readonly key: readonly { readonly column: string; readonly isInteger?: boolean }[];
  readonly rowOf: (row: SqliteRow) => Row;
  /** In the order of `columns`. */
  readonly valuesOf: (row: Row) => readonly SQLInputValue[];
  /** The mark for rows that are written, in a table whose changes are told. */
  readonly changeMark?: (connection: Connection) => bigint;
}

/** How the rows of one collection are read and written; runs in the worker thread. */
export interface TableCopy<Row> {
  page(connection: Connection, after: RowKey | undefined, rowsMax: number): Row[];
  write(connection: Connection, rows: readonly Row[]): void;
  count(connection: Connection): number;
}

/** Pages through a table by its key. A row that is there is replaced, except an entry, which never changes. */
export function copyOfTable<Row>(described: CopiedTable<Row>): TableCopy<Row> {
  const { table, columns, key, rowOf, valuesOf, changeMark } = described;
  const { first, next } = pageStatements(described);
  const written = changeMark === undefined ? columns : `${columns}, change_mark`;
  const values = written.split(",").map(() => "?");
  const put = `INSERT OR ${table === "entry" ? "IGNORE" : "REPLACE"} INTO ${table} (${written}) VALUES (${values.join()})`;
  return {
    page: (connection, after, rowsMax) => {
      const rows =
        after === undefined
          ? connection.statement(first).all(rowsMax)
          : connection.statement(next).all(...valuesOfKey(after, key), rowsMax);
      return rows.map(rowOf);
    },
    write: (connection, rows) => {
      const statement = connection.statement(put);
      const mark = changeMark?.(connection);
      for (const row of rows) statement.run(...valuesOf(row), ...(mark === undefined ? [] : [mark]));
    },
    count: (connection) => {
      const row = connection.statement(`SELECT count(*) AS found FROM ${table}`).get();
      return row === undefined ? 0 : numberOf(row, "found");
    },
  };
}

type KeyColumns = CopiedTable<never>["key"];

/**
 * The statements for the first page and for those that follow. Nothing but a plain parameter may stand in the comparison:
 * with an expression there the index would be used for the first column only.
 */
export function pageStatements({
  table,
  columns,
  key,
}: {
  readonly table: string;
  readonly columns: string;
  readonly key: KeyColumns;
}): { readonly first: string; readonly next: string } {
  const order = key.map(({ column }) => column).join();
  const marks = key.map(() => "?").join();
  return {
    first: `SELECT ${columns} FROM ${table} ORDER BY ${order} LIMIT ?`,
    next: `SELECT ${columns} FROM ${table} WHERE (${order}) > (${marks}) ORDER BY ${order} LIMIT ?`,
  };
}

function valuesOfKey(after: RowKey, key: KeyColumns): readonly SQLInputValue[] {
  return after.map((part, index) => (key[index]?.isInteger === true ? BigInt(part) : part));
}
