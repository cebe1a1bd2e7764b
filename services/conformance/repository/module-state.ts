import { isTestCode } from "./boundary-rules.ts";
import { lineAt, maskSource } from "./masked-source.ts";

const suspicious: readonly (readonly [RegExp, string])[] = [
  [/^(?:export\s+)?(?:let|var)\s/gm, "declares a variable that can change"],
  [
    /^(?:export\s+)?const\s(?![^=;]*\bReadonly(?:Map|Set)\b)[^=;]*=\s*new\s+(?:Weak)?(?:Map|Set)\b\s*(?:<[^;=]*?>)?\(\s*\)/gm,
    "keeps an empty collection to be filled",
  ],
  [/^(?:export\s+)?const\s(?![^=;]*\breadonly\b)[^=;]*=\s*\[\s*\]/gm, "keeps an empty list to be filled"],
];

/**
 * State of a module, which two nodes in one process would share: variables and empty collections at the top
 * level, and static fields that can be written. Tables with contents count as constants.
 */
export function moduleStateViolations(path: string, text: string): string[] {
  if (isTestCode(path)) return [];
  const { code } = maskSource(text);
  const depths = bracketDepths(code);
  const violations: string[] = [];
  const report = (offset: number, problem: string): void => {
    violations.push(`${path}:${lineAt(code, offset) + 1} ${problem}: no module has state of its own`);
  };
  for (const [pattern, problem] of suspicious) {
    for (const match of code.matchAll(pattern)) if (depths[match.index] === 0) report(match.index, problem);
  }
  const field =
    /^\s*(?:public |private |protected )?static\s+(?!readonly\b|async\b|override\b|get\b|set\b|\{)[\w#$]+\s*[=:;]/gm;
  for (const match of code.matchAll(field))
    report(match.index + match[0].search(/\S/), "has a static field that can be written");
  return violations;
}

/** How many brackets are open before each character. */
function bracketDepths(code: string): number[] {
  let depth = 0;
  return Array.from(code, (character) => {
    if ("({[".includes(character)) depth += 1;
    else if (")}]".includes(character)) depth -= 1;
    return "({[".includes(character) ? depth - 1 : depth;
  });
}
