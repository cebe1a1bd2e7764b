import {
  type DescField,
  type DescOneof,
  getOption,
  hasOption,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import {
  FieldRulesSchema,
  field as fieldRules,
  oneof as oneofRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** The protovalidate rules of one field: path of a rule in JSON (`string.maxLen`) to its value. */
export type FieldRules = ReadonlyMap<string, JsonValue>;

/** The rules of a field, flat. */
export function rulesOf(field: DescField): FieldRules {
  const flat = new Map<string, JsonValue>();
  if (hasOption(field, fieldRules)) flatten(toJson(FieldRulesSchema, getOption(field, fieldRules)), "", flat);
  return flat;
}

/** Whether one member of a oneof has to be set. */
export function isRequired(oneof: DescOneof): boolean {
  return hasOption(oneof, oneofRules) && getOption(oneof, oneofRules).required;
}

function flatten(value: JsonValue, path: string, into: Map<string, JsonValue>): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    into.set(path, value);
    return;
  }
  for (const [key, inner] of Object.entries(value))
    flatten(inner, path === "" ? key : `${path}.${key}`, into);
}
