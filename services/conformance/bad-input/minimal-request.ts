import type { DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type FieldRules, isRequired, rulesOf } from "./field-rules.ts";

/** The smallest request that breaks no rule, as JSON: only what its rules demand is set. */
export function minimalRequest(message: DescMessage): JsonObject {
  const request: JsonObject = {};
  for (const field of message.fields) {
    if (field.oneof === undefined && demandsValue(field)) request[field.jsonName] = minimalValue(field);
  }
  for (const oneof of message.oneofs) {
    const [first] = oneof.fields;
    if (isRequired(oneof) && first !== undefined) request[first.jsonName] = minimalValue(first);
  }
  return request;
}

/** A value that meets the rules of its field. */
export function minimalValue(field: DescField): JsonValue {
  const rules = rulesOf(field);
  if (field.fieldKind !== "list") return singleValue(field, rules, "");
  const count = Math.max(1, Number(rules.get("repeated.minItems") ?? 1));
  return Array.from({ length: count }, (_, index) => listItem(field, index));
}

/** An item for a list, different for each index wherever items can differ. */
export function listItem(field: DescField, index: number): JsonValue {
  const value = singleValue(field, rulesOf(field), "repeated.items.");
  return typeof value === "string" ? `${value}${index}` : value;
}

function demandsValue(field: DescField): boolean {
  const rules = rulesOf(field);
  if (rules.get("required") === true || rules.has("repeated.minItems")) return true;
  if (field.proto.proto3Optional) return false;
  return ["string.minLen", "string.pattern", "string.uuid", "bytes.minLen", "uint64.gte"].some((rule) =>
    rules.has(rule),
  );
}

function singleValue(field: DescField, rules: FieldRules, prefix: string): JsonValue {
  const kind = field.fieldKind === "list" ? field.listKind : field.fieldKind;
  if (kind === "message") return field.message === undefined ? {} : messageValue(field.message);
  if (kind === "enum") return 0;
  const rule = (name: string): JsonValue | undefined => rules.get(`${prefix}${name}`);
  if (rule("string.uuid") === true) return "6f1c7a0e-52a7-4e0c-9f0b-0d6c1f1f2a31";
  const pattern = rule("string.pattern");
  if (typeof pattern === "string") return matching(pattern);
  const text = rule("string.minLen");
  if (text !== undefined) return "x".repeat(Number(text));
  const bytes = rule("bytes.minLen");
  if (bytes !== undefined) return Buffer.alloc(Number(bytes), 1).toString("base64");
  const number = rule("uint64.gte");
  return number === undefined ? defaultValue(field) : number;
}

function messageValue(message: DescMessage): JsonValue {
  return message.typeName === "google.protobuf.Duration" ? "1s" : minimalRequest(message);
}

function defaultValue(field: DescField): JsonValue {
  if (field.fieldKind === "list") return "x";
  const value = field.fieldKind === "scalar" ? field.getDefaultValue() : undefined;
  if (typeof value === "bigint") return `${value}`;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : "";
}

/** Values that match the patterns of the contract; a new pattern needs a line here. */
function matching(pattern: string): string {
  const candidates = ["somebody", "image/png", "audio/ogg"];
  const found = candidates.find((candidate) => new RegExp(pattern, "u").test(candidate));
  if (found === undefined) throw new Error(`no example matches the pattern ${pattern}: add one`);
  return found;
}
