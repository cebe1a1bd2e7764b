import { z } from "zod";

/** What a text stands for: a value to validate, or why it stands for none. */
export type TextReading =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly expected: string };

/**
 * Reads a flag's or a variable's text as what `type` wants: numbers and booleans as such, lists separated by
 * commas, objects as JSON, anything else as it is. Limits are the type's own affair, afterwards.
 */
export function readConfigText(type: z.core.$ZodType, text: string): TextReading {
  const wanted = innermost(type);
  if (wanted instanceof z.ZodNumber) return readNumber(text);
  if (wanted instanceof z.ZodBigInt)
    return /^-?\d+$/.test(text) ? read(BigInt(text)) : expected("a whole number");
  if (wanted instanceof z.ZodBoolean) return readBoolean(text);
  if (wanted instanceof z.ZodArray) return readList(wanted.element, text);
  if (wanted instanceof z.ZodObject || wanted instanceof z.ZodRecord) return readJson(text);
  return read(text);
}

/** The type inside optional, nullable, default and readonly wrappers, and at the entry of a transformation. */
export function innermost(type: z.core.$ZodType): z.core.$ZodType {
  if (type instanceof z.ZodOptional || type instanceof z.ZodNullable) return innermost(type.unwrap());
  if (type instanceof z.ZodDefault || type instanceof z.ZodReadonly) return innermost(type.unwrap());
  if (type instanceof z.ZodPipe) return innermost(type.in);
  return type;
}

function readNumber(text: string): TextReading {
  return /^-?\d+(\.\d+)?$/.test(text) ? read(Number(text)) : expected("a number");
}

function readBoolean(text: string): TextReading {
  return text === "true" || text === "false" ? read(text === "true") : expected("true or false");
}

function readList(element: z.core.$ZodType, text: string): TextReading {
  if (text.trim() === "") return read([]);
  const values: unknown[] = [];
  for (const part of text.split(",")) {
    const reading = readConfigText(element, part.trim());
    if (!reading.ok) return expected(`a list of values separated by commas, each ${reading.expected}`);
    values.push(reading.value);
  }
  return read(values);
}

function readJson(text: string): TextReading {
  try {
    return read(JSON.parse(text));
  } catch {
    return expected("a JSON object");
  }
}

function read(value: unknown): TextReading {
  return { ok: true, value };
}

function expected(what: string): TextReading {
  return { ok: false, expected: what };
}
