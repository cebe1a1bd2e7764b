/**
 * Settings under which one test machine may play many users: rates that never bind, and password hashes that cost
 * next to nothing (which only `dev` accepts).
 */
export const loadFlags: readonly string[] = [
  ...["read", "write", "send", "stream", "secret", "search"].flatMap((name) => [
    `--rate-${name}-per-second`,
    "1000000",
    `--rate-${name}-burst`,
    "1000000",
  ]),
  "--session-attaches-per-second",
  "100000",
  "--password-memory-kib",
  "64",
  "--log-level",
  "warn",
];
