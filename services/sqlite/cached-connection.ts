import type { DatabaseSync, StatementSync } from "node:sqlite";
import { cachedStatementsMax } from "./limits.ts";
import type { Connection } from "./procedures.ts";

/** A connection with its prepared statements, the least recently used of which go when there are many. */
export class CachedConnection implements Connection {
  readonly database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.database = database;
  }

  statement(sql: string): StatementSync {
    const cached = this.#statements.get(sql);
    if (cached !== undefined) {
      this.#statements.delete(sql);
      this.#statements.set(sql, cached);
      return cached;
    }
    const prepared = this.database.prepare(sql);
    this.#statements.set(sql, prepared);
    this.#evict();
    return prepared;
  }

  /** Runs transaction control, of which procedures see nothing. */
  control(sql: string): void {
    this.statement(sql).run();
  }

  close(): void {
    this.#statements.clear();
    this.database.close();
  }

  #evict(): void {
    if (this.#statements.size <= cachedStatementsMax) return;
    const oldest = this.#statements.keys().next();
    if (!oldest.done) this.#statements.delete(oldest.value);
  }
}
