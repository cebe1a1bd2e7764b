import { examineBackends } from "../../node/examine-backends.ts";
import { type CommandContext, defaultAdmin } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import type { Diagnosis } from "../doctor/diagnosis.ts";
import { examine } from "../doctor/examine.ts";
import { observe } from "../doctor/observe.ts";
import { type Emphasis, emphasisFor } from "../emphasis.ts";
import { readNodeConfig } from "../node-config.ts";

/** What `parley doctor` is given. */
export interface DoctorOptions {
  readonly admin?: readonly string[];
  readonly server?: readonly string[];
  /** Settings of a node whose servers are looked at from here. */
  readonly storeUrl?: string;
  readonly coordinatorUrl?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** `parley doctor`: ends with 1 when something is wrong. */
export async function doctor(context: CommandContext, options: DoctorOptions): Promise<void> {
  const { admin = [defaultAdmin], server = [], json, ...settings } = options;
  const { clock, rng } = context;
  const { values: config } = readNodeConfig(context, settings, false);
  const [observations, backends] = await Promise.all([
    observe(context, { admins: admin, servers: server }),
    examineBackends({ config, clock, rng }),
  ]);
  const diagnoses = examine({ ...observations, backends });
  const emphasize = emphasisFor(context);
  for (const diagnosis of diagnoses) {
    if (json === true) context.print(JSON.stringify(diagnosis));
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
  return [`${mark}  ${check.padEnd(18)}  ${text}`, ...(advice === "" ? [] : [`${" ".repeat(27)}${advice}`])];
}
