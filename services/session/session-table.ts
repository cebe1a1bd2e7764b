import type { AttachedSession } from "./attached-session.ts";

/** Sessions by id, and the active ones by device and account. Pure bookkeeping: it closes nothing. */
export class SessionTable {
  // Includes those that are closing, so that a Poll still finds its last frame.
  readonly #byId = new Map<string, AttachedSession>();
  // The sets keep the order of attaching.
  readonly #byAccount = new Map<string, Set<AttachedSession>>();
  #active = 0;

  /** Sessions that take frames. */
  get active(): number {
    return this.#active;
  }

  /** Sessions that exist, those that are closing included. */
  get size(): number {
    return this.#byId.size;
  }

  byId(sessionId: string): AttachedSession | undefined {
    return this.#byId.get(sessionId);
  }

  /** Every session that exists. */
  all(): AttachedSession[] {
    return [...this.#byId.values()];
  }

  /** The active sessions of an account, the one attached longest ago first. */
  ofAccount(accountId: string): AttachedSession[] {
    return [...(this.#byAccount.get(accountId) ?? [])];
  }

  add(session: AttachedSession): void {
    const { sessionId, accountId } = session.device;
    this.#byId.set(sessionId, session);
    const ofAccount = this.#byAccount.get(accountId) ?? new Set();
    this.#byAccount.set(accountId, ofAccount.add(session));
    this.#active += 1;
  }

  /** The session takes no more frames. */
  deactivate(session: AttachedSession): void {
    const { accountId } = session.device;
    const ofAccount = this.#byAccount.get(accountId);
    if (ofAccount?.delete(session) !== true) return;
    this.#active -= 1;
    if (ofAccount.size === 0) this.#byAccount.delete(accountId);
  }

  /** Nothing of the session is left. */
  remove(session: AttachedSession): void {
    this.deactivate(session);
    this.#byId.delete(session.device.sessionId);
  }
}
