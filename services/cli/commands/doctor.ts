import { type CommandContext, defaultAdmin } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import type { Diagnosis } from "../doctor/diagnosis.ts";
import { examine } from "../doctor/examine.ts";
import { observe } from "../doctor/observe.ts";
import { type Emphasis, emphasisFor } from "../emphasis.ts";

/** What `parley doctor` is given. */
export interface DoctorOptions {
  readonly admin?: readonly string[];
  readonly server?: readonly string[];
  readonly json?: boolean;
}

/** `parley doctor`: ends with 1 when something is wrong. */
export async function doctor(context: CommandContext, options: DoctorOptions): Promise<void> {
  const { admin = [defaultAdmin], server = [] } = options;
  const observations = await observe(context, { admins: admin, servers: server });
  const diagnoses = examine(observations);
  const emphasize = emphasisFor(context);
  for (const diagnosis of diagnoses) {
    if (options.json === true) context.print(JSON.stringify(diagnosis));
    else for (const line of diagnosisLines(diagnosis, emphasize)) context.print(line);
  }
  const wrong = diagnoses.filter(({ level }) => level === "wrong").length;
  if (wrong > 0) throw new CommandError(`${wrong} ${wrong === 1 ? "thing is" : "things are"} wrong`);
}

function diagnosisLines({ check, level, text, advice }: Diagnosis, emphasize: Emphasis): string[] {
  const mark = {
    ok: emphasize("green", "ok   "),
    note: emphasize("yellow", "note "),
    wrong: emphasize("red", "WRONG"),
  }[level];
  return [`${mark}  ${check.padEnd(14)}  ${text}`, ...(advice === "" ? [] : [`${" ".repeat(23)}${advice}`])];
}
