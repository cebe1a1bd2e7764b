const known = new Set(["level", "time", "message"]);

/**
 * Turns one JSON log line into a line for people: time of day, level, message, then `name=value` pairs; the
 * stack of an error follows on lines of its own. What is no JSON object passes unchanged.
 */
export function formatLogLine(line: string): string {
  const fields = parseObject(line);
  if (fields === undefined) return line;
  const time = printable(fields["time"]).slice(11, 23);
  const level = printable(fields["level"]).toUpperCase().padEnd(5);
  const pairs: string[] = [];
  const stacks: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (known.has(name)) continue;
    const stack = stackOf(value);
    if (stack === undefined) pairs.push(`${name}=${quoted(value)}`);
    else stacks.push(`  ${name}: ${visible(stack).replaceAll("\n", "\n  ")}`);
  }
  const head = [time, level, visible(printable(fields["message"])), ...pairs].join(" ");
  return `${[head, ...stacks].join("\n")}\n`;
}

function parseObject(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function stackOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  const stack = value["stack"];
  return typeof stack === "string" ? stack : undefined;
}

/** Bare when that is unambiguous. Everything else as JSON, which also keeps control characters out of terminals. */
function quoted(value: unknown): string {
  return typeof value === "string" && /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
}

/** Without what could steer a terminal; newlines and tabs stay. */
function visible(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, "\u{fffd}");
}

function printable(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
