import { type FileRegistry, getOption, hasOption, type JsonValue, toJson } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import {
  FieldRulesSchema,
  field as fieldRules,
  MessageRulesSchema,
  message as messageRules,
  OneofRulesSchema,
  oneof as oneofRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { ownMessages } from "./contract-image.ts";

/** The protovalidate rules of one field, oneof or message: path of a rule (`string.maxLen`) to its value. */
export interface ElementBounds {
  readonly rules: ReadonlyMap<string, JsonValue>;
  /** The message that it belongs to, or is. */
  readonly parent: string;
  /** Whether leaving the element out escapes its rules, `required` aside. */
  readonly mayBeUnset: boolean;
}

/** The rules of a contract, by full name; an element without rules has an empty map. */
export type ContractBounds = ReadonlyMap<string, ElementBounds>;

/** All rules of our own messages. */
export function contractBounds(contract: FileRegistry): ContractBounds {
  const bounds = new Map<string, ElementBounds>();
  for (const message of ownMessages(contract)) {
    const parent = message.typeName;
    const ofMessage = hasOption(message, messageRules)
      ? toJson(MessageRulesSchema, getOption(message, messageRules))
      : {};
    bounds.set(parent, { rules: flatten(ofMessage), parent, mayBeUnset: false });
    for (const field of message.fields) {
      const rules = hasOption(field, fieldRules)
        ? toJson(FieldRulesSchema, getOption(field, fieldRules))
        : {};
      bounds.set(`${parent}.${field.name}`, {
        rules: flatten(rules),
        parent,
        mayBeUnset: field.presence !== FeatureSet_FieldPresence.IMPLICIT,
      });
    }
    for (const oneof of message.oneofs) {
      const rules = hasOption(oneof, oneofRules)
        ? toJson(OneofRulesSchema, getOption(oneof, oneofRules))
        : {};
      bounds.set(`${parent}.${oneof.name}`, { rules: flatten(rules), parent, mayBeUnset: true });
    }
  }
  return bounds;
}

const upper = /(^|\.)(maxLen|maxBytes|maxItems|maxPairs|lte|lt|within)$/;
const lower = /(^|\.)(minLen|minBytes|minItems|minPairs|gte|gt)$/;
const choices = /(^|\.)in$/;
const exclusions = /(^|\.)notIn$/;
/** Not a restriction, and `ignore` only ever lifts some. */
const harmless = /(^|\.)example$/;
const lifting = /(^|\.)ignore$/;

/**
 * The rules that refuse today what was accepted before, a sentence each. Loosened and removed rules are fine,
 * and so are rules of new messages; a new field of an old message may only have rules that leaving it out meets,
 * because old clients do leave it out. A rule of a kind not known here counts as tightened when it changes.
 */
export function tightenedBounds(before: ContractBounds, now: ContractBounds): string[] {
  const problems: string[] = [];
  for (const [name, element] of now) {
    const earlier = before.get(name);
    if (earlier === undefined && !before.has(element.parent)) continue;
    for (const [rule, value] of element.rules) {
      const old = earlier?.rules.get(rule);
      const problem =
        earlier === undefined ? newFieldProblem(element, rule) : changeProblem(rule, old, value);
      if (problem !== undefined) problems.push(`${name}: ${rule} ${problem}`);
    }
    for (const rule of earlier?.rules.keys() ?? []) {
      if (lifting.test(rule) && !element.rules.has(rule)) problems.push(`${name}: ${rule} was removed`);
    }
  }
  return problems;
}

function newFieldProblem(element: ElementBounds, rule: string): string | undefined {
  if (harmless.test(rule) || lifting.test(rule) || upper.test(rule) || exclusions.test(rule))
    return undefined;
  const escapes = element.mayBeUnset || element.rules.has("ignore") || rule.startsWith("repeated.items.");
  if (rule !== "required" && escapes) return undefined;
  return "stands on a new field of an old message: clients that do not know it are refused";
}

function changeProblem(rule: string, old: JsonValue | undefined, value: JsonValue): string | undefined {
  if (harmless.test(rule) || isSame(old, value)) return undefined;
  if (lifting.test(rule)) return old === undefined ? undefined : change(old, value);
  if (old === undefined) return value === false ? undefined : `= ${JSON.stringify(value)} is new`;
  if (value === false) return undefined;
  if (upper.test(rule) && measure(value) >= measure(old)) return undefined;
  if (lower.test(rule) && measure(value) <= measure(old)) return undefined;
  if (choices.test(rule) && isSubset(old, value)) return undefined;
  if (exclusions.test(rule) && isSubset(value, old)) return undefined;
  return change(old, value);
}

function change(old: JsonValue, value: JsonValue): string {
  return `went from ${JSON.stringify(old)} to ${JSON.stringify(value)}`;
}

function isSame(one: JsonValue | undefined, two: JsonValue): boolean {
  return JSON.stringify(one) === JSON.stringify(two);
}

function isSubset(part: JsonValue, whole: JsonValue): boolean {
  if (!Array.isArray(part) || !Array.isArray(whole)) return false;
  const known = new Set(whole.map((value) => JSON.stringify(value)));
  return part.every((value) => known.has(JSON.stringify(value)));
}

/** A bound as something to compare: JSON writes 64-bit numbers as text, durations as `1.5s`, times as RFC 3339. */
function measure(value: JsonValue): bigint | number {
  if (typeof value === "number") return value;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (/^-?\d+$/.test(text)) return BigInt(text);
  return /^-?[\d.]+s$/.test(text) ? Number(text.slice(0, -1)) : Date.parse(text);
}

function flatten(rules: JsonValue): Map<string, JsonValue> {
  const flat = new Map<string, JsonValue>();
  const visit = (value: JsonValue, path: string): void => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) flat.set(path, value);
    else for (const [key, inner] of Object.entries(value)) visit(inner, path === "" ? key : `${path}.${key}`);
  };
  visit(rules, "");
  return flat;
}
