import type { DescField, DescMessage, DescOneof, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isRequired, rulesOf } from "./field-rules.ts";
import { listItem, minimalRequest, minimalValue } from "./minimal-request.ts";

/** A request in which exactly one element breaks exactly one rule (or one that cannot be broken alone). */
export interface BrokenRequest {
  /** Where, as `ErrorInfo` names it: `content.text.text`. */
  readonly field: string;
  /** Which rule, as protovalidate calls it, or the start of its name: `string.max_len`. */
  readonly rule: string;
  readonly request: JsonObject;
}

/** Every way to break one rule of a message, its parts included. */
export function brokenRequests(message: DescMessage): BrokenRequest[] {
  const oneofs = message.oneofs.filter(isRequired).map((oneof) => withoutOneof(message, oneof));
  return [...oneofs, ...message.fields.flatMap((field) => brokenFields(message, field))];
}

function withoutOneof(message: DescMessage, oneof: DescOneof): BrokenRequest {
  const request = minimalRequest(message);
  for (const field of oneof.fields) delete request[field.jsonName];
  return { field: oneof.name, rule: "required", request };
}

function brokenFields(message: DescMessage, field: DescField): BrokenRequest[] {
  const rules = rulesOf(field);
  if (rules.get("ignore") === "IGNORE_ALWAYS") return [];
  const own = [...rules].flatMap(([rule, limit]) => breakRule(message, field, [rule, limit]));
  return [...own, ...brokenParts(message, field)];
}

/** The same for the messages that a field holds. */
function brokenParts(message: DescMessage, field: DescField): BrokenRequest[] {
  if (field.message === undefined || !field.message.typeName.startsWith("parley.")) return [];
  const inList = field.fieldKind === "list";
  return brokenRequests(field.message).map((part) => ({
    field: `${field.name}${inList ? "[0]" : ""}.${part.field}`,
    rule: part.rule,
    request: withValue(message, field, inList ? [part.request] : part.request),
  }));
}

function breakRule(
  message: DescMessage,
  field: DescField,
  [rule, limit]: readonly [string, JsonValue],
): BrokenRequest[] {
  const broken = (name: string, value: JsonValue | undefined, at = field.name): BrokenRequest[] => [
    { field: at, rule: name, request: withValue(message, field, value) },
  ];
  if (rule === "required") return broken(rule, undefined);
  if (rule === "repeated.minItems") return broken("repeated.min_items", undefined);
  if (rule === "repeated.maxItems") {
    const items = Array.from({ length: Number(limit) + 1 }, (_, index) => listItem(field, index));
    return broken("repeated.max_items", items);
  }
  if (rule === "repeated.unique") return broken(rule, [listItem(field, 0), listItem(field, 0)]);
  const ofItem = rule.startsWith("repeated.items.");
  const [name, value] = brokenValue(ofItem ? rule.slice("repeated.items.".length) : rule, limit);
  return ofItem ? broken(name, [value], `${field.name}[0]`) : broken(name, value);
}

/** A value that breaks a rule of a single value, and what protovalidate calls that rule. */
function brokenValue(rule: string, limit: JsonValue): readonly [string, JsonValue] {
  const size = Number(limit);
  switch (rule) {
    case "string.minLen":
      return ["string.min_len", "x".repeat(size - 1)];
    case "string.maxLen":
      return ["string.max_len", "x".repeat(size + 1)];
    case "string.maxBytes":
      return ["string.max_bytes", "𝄞".repeat(size / 4 + 1)];
    case "string.uuid":
      return ["string.uuid", "6f1c7a0e-52a7-4e0c-9f0b"];
    case "string.pattern":
      return ["string.pattern", "!"];
    case "bytes.minLen":
      return ["bytes.min_len", ""];
    case "bytes.maxLen":
      return ["bytes.max_len", Buffer.alloc(size + 1).toString("base64")];
    case "uint32.lte":
      return ["uint32.", size + 1];
    case "uint64.gte":
      return ["uint64.", `${size - 1}`];
    case "enum.definedOnly":
      return ["enum.defined_only", 999];
    case "duration.gte":
      return ["duration.", "-1s"];
    case "duration.lte":
      return ["duration.", `${Number.parseInt(JSON.stringify(limit).slice(1), 10) + 1}s`];
    default:
      throw new Error(`no value is known that breaks the rule ${rule}: add one`);
  }
}

/** The minimal request with one field set to a value, or left out; other members of its oneof are left out too. */
function withValue(message: DescMessage, field: DescField, value: JsonValue | undefined): JsonObject {
  const request = minimalRequest(message);
  for (const member of field.oneof?.fields ?? []) delete request[member.jsonName];
  if (value === undefined) delete request[field.jsonName];
  else request[field.jsonName] = value;
  return request;
}

/** The minimal request in which a field is set to a valid value although nothing demands it. */
export function requestWith(message: DescMessage, field: DescField): JsonObject {
  return withValue(message, field, minimalValue(field));
}
