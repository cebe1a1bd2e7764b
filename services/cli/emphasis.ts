import { styleText } from "node:util";

/** Emphasizes a text for people who look at a terminal; leaves it as it is for everybody else. */
export type Emphasis = (style: "bold" | "dim" | "red" | "green" | "yellow", text: string) => string;

/** Colours on a terminal, unless NO_COLOR is set (https://no-color.org). */
export function emphasisFor(surroundings: {
  readonly terminal: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): Emphasis {
  const refused = (surroundings.environment["NO_COLOR"] ?? "") !== "";
  if (!surroundings.terminal || refused) return (_, text) => text;
  return (style, text) => styleText(style, text, { validateStream: false });
}
