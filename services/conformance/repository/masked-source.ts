/** A source with everything that is not code blanked out, so that regular expressions can read the rest. */
export interface MaskedSource {
  /** As long as the original, line by line: comments, regular expressions and the insides of strings are spaces. */
  readonly code: string;
  readonly original: string;
  /** For each line (from 0): whether a comment touches it. */
  readonly commented: ReadonlySet<number>;
}

/** Characters after which a slash begins a regular expression and not a division. */
const beforeExpression = new Set("(,=:[!&|?{};+-*%<>~^");
const wordBeforeExpression = /\b(?:return|typeof|case|in|of|await|throw|void|new|delete|else|do|yield)$/;

/**
 * Blanks out comments, regular expressions and the contents of strings; the quotes stay, and so does the code
 * inside `${}`. It knows TypeScript well enough for sources that a formatter has been over; the tests beside it
 * say what it can tell apart.
 */
export function maskSource(original: string): MaskedSource {
  const code: string[] = [];
  const commented = new Set<number>();
  // Depth of braces at which each open template literal continues.
  const templates: number[] = [];
  let depth = 0;
  let line = 0;
  let index = 0;

  const blankTo = (end: number): void => {
    for (; index < end; index += 1) {
      const character = original.charAt(index);
      if (character === "\n") line += 1;
      code.push(character === "\n" ? "\n" : " ");
    }
  };
  const keep = (): void => {
    if (original.charAt(index) === "\n") line += 1;
    code.push(original.charAt(index));
    index += 1;
  };
  const comment = (end: number): void => {
    const first = line;
    blankTo(end);
    for (let touched = first; touched <= line; touched += 1) commented.add(touched);
  };
  /** From inside a template literal to its end or to the code in it. */
  const template = (): void => {
    blankTo(endOfTemplateText(original, index));
    if (original.charAt(index) === "`") keep();
    else if (index < original.length) {
      templates.push(depth);
      keep();
      keep();
    }
  };

  while (index < original.length) {
    const character = original.charAt(index);
    const pair = original.slice(index, index + 2);
    if (pair === "//") comment(endBefore(original, "\n", index));
    else if (pair === "/*") comment(endBefore(original, "*/", index + 2) + 2);
    else if (character === '"' || character === "'") {
      keep();
      blankTo(endOfString(original, index, character));
      keep();
    } else if (character === "`") {
      keep();
      template();
    } else if (character === "}" && templates.at(-1) === depth) {
      templates.pop();
      keep();
      template();
    } else if (character === "/" && startsRegularExpression(code))
      blankTo(endOfRegularExpression(original, index));
    else {
      if (character === "{") depth += 1;
      if (character === "}") depth -= 1;
      keep();
    }
  }
  return { code: code.join(""), original, commented };
}

/** The line (from 0) of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 0;
  for (let index = text.indexOf("\n"); index !== -1 && index < offset; index = text.indexOf("\n", index + 1))
    line += 1;
  return line;
}

function startsRegularExpression(code: readonly string[]): boolean {
  let last = code.length - 1;
  while (last >= 0 && (code[last] === " " || code[last] === "\n")) last -= 1;
  if (last < 0 || beforeExpression.has(code[last] ?? "")) return true;
  return wordBeforeExpression.test(code.slice(Math.max(0, last - 8), last + 1).join(""));
}

function endBefore(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from);
  return end === -1 ? text.length : end;
}

function endOfString(text: string, from: number, quote: string): number {
  let end = from;
  while (end < text.length && text.charAt(end) !== quote) end += text.charAt(end) === "\\" ? 2 : 1;
  return end;
}

function endOfTemplateText(text: string, from: number): number {
  let end = from;
  while (end < text.length && text.charAt(end) !== "`" && !text.startsWith("${", end)) {
    end += text.charAt(end) === "\\" ? 2 : 1;
  }
  return end;
}

function endOfRegularExpression(text: string, from: number): number {
  let inClass = false;
  let end = from + 1;
  for (; end < text.length; end += 1) {
    const character = text.charAt(end);
    if (character === "\\") end += 1;
    else if (character === "[") inClass = true;
    else if (character === "]") inClass = false;
    else if (character === "/" && !inClass) break;
  }
  return end + 1;
}
