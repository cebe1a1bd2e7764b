/**
 * A row as text that is the same for equal rows, whatever store they came from: fields by name, numbers of 64 bits and bytes
 * told from texts. A field that is undefined counts as none.
 */
export function canonicalText(value: unknown): string {
  if (typeof value === "bigint") return `i${value}`;
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString("base64")}`;
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonicalText(field)}`);
  return `{${fields.join()}}`;
}
