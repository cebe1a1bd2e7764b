/** How a `parley` command ends. Documented in docs/cli.md; scripts rely on these numbers. */
export const exitCodes = {
  ok: 0,
  /** The server refused, or the command failed for another reason that it printed. */
  failed: 1,
  /** Wrong usage or invalid configuration. */
  usage: 2,
  /** No server answered, or it cannot serve now: try again. */
  unavailable: 3,
  /** No login for this account and server, or it has ended: `parley login`. */
  notLoggedIn: 4,
  /** The node could not start: the store is damaged or newer, or the port is taken. */
  startFailed: 5,
  /** The node was stopped by a second signal, or at its deadline, before every device was told. */
  stoppedEarly: 6,
} as const;
