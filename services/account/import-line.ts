import { type NewAccount, UnusableAccount } from "./create-account.ts";
import { importLineCharsMax } from "./limits.ts";

/** The keys of a line, and what they are called in `NewAccount`. */
const keys = {
  handle: "handle",
  display_name: "displayName",
  password: "password",
  password_hash: "passwordHash",
} as const;

/**
 * Reads one line of an import: a JSON object with `handle`, `display_name` (optional) and either `password` or
 * `password_hash`. Throws UnusableAccount; the message never repeats a value.
 */
export function parseImportLine(line: string): NewAccount {
  if (line.length > importLineCharsMax) {
    throw new UnusableAccount(`The line is longer than ${importLineCharsMax} characters.`);
  }
  const account: { -readonly [Key in keyof NewAccount]: NewAccount[Key] } = { handle: "" };
  for (const [name, value] of Object.entries(parseObject(line))) {
    if (!isKey(name)) throw new UnusableAccount(`The key ${JSON.stringify(name.slice(0, 64))} is not known.`);
    if (typeof value !== "string") throw new UnusableAccount(`The value of ${name} must be a string.`);
    account[keys[name]] = value;
  }
  return account;
}

function parseObject(line: string): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    // The parser's own message would quote the line, and a password with it.
    throw new UnusableAccount("The line is not JSON.");
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw new UnusableAccount("The line is not a JSON object.");
}

function isKey(name: string): name is keyof typeof keys {
  return Object.hasOwn(keys, name);
}
